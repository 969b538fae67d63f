"""The libraries that draw the chart, as one script to put into a page."""

from functools import cache

from lr_finder.extras import extra


@cache
def chart_libraries() -> str:
    """Vega, Vega-Lite and vega-embed; bundling them takes some seconds.

    Raises:
        MissingExtraError: vl-convert is not installed.
    """
    with extra("report"):
        import vl_convert

    return vl_convert.javascript_bundle()  # pyright: ignore[reportCallIssue]  its stub wants a snippet
