"""The numbers that the search and the default rule go by: what each does, and where it was chosen.

A file name is that of a result in benchmarks/results, where the number was compared with others; "by hand" means that
it was set once, for the reason given, and never compared. What defines another finder's rule (a tenth of the lowest
point, half-way down) stands with that rule.
"""

# Reading a curve.

SMOOTHING_WIDTH = 0.2
"""Standard deviation of the Gaussian over log rate, in decades; from 0.1 to 0.25 no other reads clearly better
(compared on earlier states of the tasks, not in a file)."""

MIN_STEPS = 12
"""Fewer finite losses than this are no curve (by hand: half of a kernel's width must hold some of them)."""

RESOLUTION = 1e-6
"""Differences below this share of the loss are rounding (by hand: float32 carries about 1e-7)."""

HARMLESS_LR = 1e-6
"""Where the loss was lost at rates below this, the rate is not to blame (by hand: hardly anybody trains so low)."""

START_STEPS, START_SHARE = 3, 10
"""The loss before any rate had an effect is the mean of the first 3 losses, or of the first tenth of all where that is
more (by hand)."""

MEDIAN_STEPS = 5
"""Losses of which a median is taken: of the first ones, from which it is told how high losses are capped, and of the
last ones, by which a ramp has run away (by hand: it bears two outliers, and lags by two steps)."""

BASIN_DEPTH = 0.15
"""The basin is where the smoothed loss is within this share of its fall of the lowest point; from 0.1 to 0.3 does about
as well (compared on earlier states of the tasks, not in a file)."""

WIDEST_BASIN = 10.0
"""Where the loss did not run away, the default rule counts its basin as this factor wide at most (variants.json,
landmarks)."""

CAME_BACK, BACK_STEPS, CLEARER = 0.5, 3, 1.25
"""A loss has come back where the median of the last ones has lost this share of a clear fall again, for so many steps.
Where it falls lower beyond, what was before is read alone if its fall is so many times as clear (by hand: 0.4 to 0.6, 3
to 5 and 1.1 to 1.5 mend more than they harm)."""

# Whether a fall is one.

CLEAR_FALL = 6.5
"""A fall must be this many times its own standard error (hopeless.json: none where nothing is to be found)."""

CLEAR_FALL_BEFORE_RUNNING_AWAY = 3.0
"""The same where the loss ran away afterwards: the rate then matters, and only how is the question (hopeless.json)."""

SHORT_CURVE = 15
"""Both are raised by this share of the number of steps, because the noise of a short curve is known less
(hopeless.json)."""

OPEN_END, OPEN_DEPTH = 3.0, 0.05
"""Where the loss comes within this share of its fall of the lowest less than this factor below the last rate, it may go
on falling beyond it (by hand)."""

# Doubt.

SUDDEN = 5.0
"""A loss that ran away less than this factor above its lowest point did so suddenly: confidence is no more than medium,
and the search does not end early (by hand)."""

EARLY_STEPS = 24
"""A loss that falls more within at most so many first steps than in all that follow fell at once: no rate of that climb
was low enough (by hand, on the later tasks)."""

FELL_AT_ONCE = 4.0
"""That fall is measured from the mean of the first 3 losses, and must be this many times its standard error (by
hand)."""

HALF_WIDTH, NARROWS, CLEAREST = 0.83, 0.2, 100.0
"""The interval reaches so many decades to either side, less so many for each power of ten in how many times its
standard error the fall is, up to 100 (interval.json: fitted and held out by task, for every length of climb)."""

NARROW, WIDE = 1.16, 1.35
"""An interval of at most so many decades is narrow: the search may stop before the planned steps are spent. One of more
than that is wide: it goes on when they are. Also two of the levels of confidence (by hand, on the width that most
intervals have after 200 steps)."""

SMALL_SHARE, LARGE_SHARE = 0.25, 0.5
"""Where the loss falls by less than these shares of itself, confidence is low, or no more than medium (interval.json:
regret by level)."""

# The default rule.

LAG_FACTOR = 12.0
"""The divisor at one step per decade without momentum: 11 fits the benchmark's own tasks best, and 18 the wider ones;
12 loses little on either (variants.json, divisors; calibration.json holds tasks out; momentum.json holds momenta
out)."""

TYPICAL_MOMENTUM = 0.9
"""Taken where an optimizer's momentum is not known (momentum.json: what that costs)."""

# The climbs of a search that finds its range.

STEPS, QUICK_STEPS = 200, 100
"""Steps to plan for where the caller says nothing, the smaller number where the range is given or probes check the
answer (regret.json and wider.json have searches planned for 100, 200 and 300: what 100 refuse or miss, 200 mostly
see)."""

COARSE_STEPS = 20
"""Steps of the coarse ramp, of 100 planned and more; fewer in proportion where fewer are planned, but as many as a
curve takes (by hand; regret.json has searches with 50, 100, 300 and 1,000 steps)."""

HIGHEST_LR = 1e3
"""Without a range the search goes beyond the reference's 10 (by hand: a flat loss can want more). What is lowest above
that is in doubt."""

MIN_SEEN = 4
"""Fewer finite losses than this in the coarse ramp show nothing (by hand)."""

SLOWER = 2.5
"""A climb takes at least this many times the steps of the ramp before it (by hand; from one climb to the next the
clearness of the fall at least doubles, ramps.jsonl)."""

REACH_BELOW, REACH_ABOVE = 100.0, 30.0
"""A climb reaches from this factor below to this factor above the rate where the ramp before it was lowest
(ramps.jsonl: a coarse one shows its lowest point at up to six times the rate at which a slow one does)."""

LEAST_REACH = 10.0
"""After a climb that ran away, the next one goes no further than that did, but so far above the first low rate (by
hand)."""

RUNAWAY_ABOVE = 100.0
"""A loss runs away at most this factor above its lowest point; a point further down is noise (ramps.jsonl)."""

MOST_STEPS, LEAST_MOST_STEPS = 5, 1000
"""Where `max_it` is left out, all ramps together take at most this many times `num_it`, and 1000 where that is less (by
hand; of what tells nothing in 600 steps, most does in 1000)."""

SHARE_FOR_DOUBT = 0.6
"""So much of that is spent on a wide interval; the rest only where no climb tells a rate (by hand)."""

# Probes.

PROBE_SPACING = 10**0.5
"""Factor from one probe's rate to the next (regret.json, probes=5; compared on earlier states of the tasks)."""

NUM_SPREAD = 3
"""So many rates lie around the candidate; the next go where they point (by hand)."""

PROBE_STEPS, MIN_PROBE_STEPS = 64, 8
"""Steps of a probe where the caller says nothing, and the fewest that tell anything (by hand: five probes and a usual
search take fewer than 600 steps)."""

EVEN_PROBE_STEPS = 128
"""Probes of so many steps weigh as much as the curve, shorter ones less and longer ones more, in proportion
(probes.json)."""

SHORTFALL = 0.3
"""A probe whose fall is short of the best one's by this share of it weighs 1/e of what that weighs in the suggestion;
0.1 to 0.3 do about as well (probes.json)."""

NEGLIGIBLE = 1e-4
"""Factor on the candidate for a rate that leaves the model as it is (by hand)."""

# Warm-ups.

WARMUPS = (100, 0, 10, 30)
"""Steps of the warm-ups that are tried, the longest first, and then up to the first that comes as low (by hand;
warmup.json has what that is worth)."""

WARMUP_STEPS = 128
"""Steps of each of those trainings (by hand: room for the longest, and then a quarter at the peak)."""

# When a ramp has seen enough.

DIVERGED_DROPS, DIVERGED_JUMPS = 4.0, 6.0
"""A loss has run away where its running median is so many times its fall above its lowest value, and so many times a
large step (of the upper quarter) from one loss to the next before (by hand, after fastai v1's "4 times the best")."""

STOP_STEPS = 8
"""It means nothing before it has seen so many steps from one loss to the next; so long a loss that saturates must stay
at its worst value, or as many steps as the optimizer averages over where those are more (by hand; momentum.json)."""

# Other trainings than the one that was measured.

SHORT_STEPS = 200
"""The length of training that a suggestion is for, as it is measured: the rule was chosen on 100 to 300 steps."""

HEAVY_MOMENTUM = 0.97
"""From this momentum on the rate of SGD falls as published for 0.99 (horizon.json); 0.9 is not like that."""

MEASURED_STEPS = 8000
"""The longest trainings on which the laws of `curve.schedule` were measured (horizon.json)."""

LENGTH_DOUBT = 0.15
"""Decades by which the interval widens for each tenfold length, as an independent doubt (horizon.json)."""

# Batches.

ADAPTIVE_BATCHES = 0.3
"""Exponent of the batch size in the best rate of optimizers that scale their steps (batches.json)."""

PLAIN_SMALLER_BATCHES, PLAIN_LARGER_BATCHES = 0.7, 0.5
"""That of SGD, for smaller and for larger batches: the best is about 0.65, and a rate too high costs more than one too
low (batches.json)."""

BATCH_DOUBT = 0.35
"""Decades by which the interval widens for each tenfold batch, as an independent doubt (batches.json)."""

FAR_BATCHES = 8.0
"""Beyond this factor on the batch size, confidence is low (by hand)."""

# Words.

SMALL_FALL = 0.1
"""A fall of less than this share of the loss looks flat in a plot (by hand)."""
