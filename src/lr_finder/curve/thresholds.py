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

START_STEPS, START_SHARE = 3, 10
"""The loss before any rate had an effect is the mean of the first 3 losses, or of the first tenth of all where that is
more (by hand)."""

CAP_STEPS = 5
"""Losses are capped as far above the median of the first 5 as the lowest lies below it (by hand: a median of five
bears two outliers)."""

BASIN_DEPTH = 0.15
"""The basin is where the smoothed loss is within this share of its fall of the lowest point; from 0.1 to 0.3 does about
as well (compared on earlier states of the tasks, not in a file)."""

WIDEST_BASIN = 10.0
"""The default rule counts a basin as this factor wide at most, since a loss that saturates can stay low over decades of
rate (variants.json: "a decade wide at most" against "however wide")."""

# Whether a fall is one.

CLEAR_FALL = 5.0
"""A fall must be this many times its own standard error (hopeless.json: false numbers in 2,700 searches where there is
nothing to find; of 3,000 curves of normal noise the clearest reached 4 with 60 or more steps, and 5.5 with 20)."""

CLEAR_FALL_BEFORE_A_RISE = 3.0
"""The same where the loss ran away or rose clearly afterwards: the rate then matters, and only how is the question
(hopeless.json)."""

SHORT_CURVE = 15
"""Both are raised by this share of the number of steps, because the noise of a short curve is known less
(hopeless.json)."""

OPEN_END, OPEN_DEPTH = 3.0, 0.05
"""Where the loss comes within this share of its fall of the lowest less than this factor below the last rate, it may go
on falling beyond it (by hand)."""

# Doubt.

LOW_SIGNAL = 4.0
"""A fall of less than this many times the noise of a single loss is half lost in it: confidence is low, and a slower
climb follows (variants.json, climbing_again; 4 takes the fewest steps for what they gain)."""

CLEAR_SIGNAL = 2 * LOW_SIGNAL
"""A fall of less than this many times the noise leaves confidence at medium (calibration.json)."""

SUDDEN = 5.0
"""A loss that ran away less than this factor above its lowest point did so suddenly: the suggestion is lower by the
square root of what is missing, confidence is low, and a slower climb follows (variants.json, divisors)."""

FEW_STEPS_PER_DECADE = 10.0
"""A faster ramp leaves confidence at medium (calibration.json)."""

EARLY_STEPS = 24
"""A loss that falls more within at most so many first steps than in all that follow fell at once: no rate of that climb
was low enough (by hand, on the later tasks)."""

FIRST_STEPS = 3
"""That fall is measured from the mean of so many first losses (by hand)."""

INTERVAL = 3.0
"""The interval reaches this factor to either side (calibration.json: how often it holds a good rate)."""

# The default rule.

LAG_FACTOR = 10.0
"""The divisor at one step per decade without momentum; 9 to 12 does about as well, on ramps of 11, 23 and 57 steps per
decade alike (variants.json, divisors; calibration.json holds tasks out; momentum.json holds momenta out)."""

TYPICAL_MOMENTUM = 0.9
"""Taken where an optimizer's momentum is not known (momentum.json: what that costs)."""

# The climbs of a search that finds its range.

STEPS, QUICK_STEPS = 200, 100
"""Steps to plan for where the caller says nothing, the smaller number where the range is given or probes check the
answer (regret.json and wider.json have searches planned for 100, 200 and 300: what 100 refuse or miss, 200 mostly
see)."""

COARSE_STEPS, MIN_COARSE_STEPS = 20, 12
"""Steps of the coarse ramp, of 100 planned and more; fewer in proportion where fewer are planned, but so many (by hand;
regret.json has searches with 50, 100, 300 and 1,000 steps)."""

HIGHEST_LR = 1e3
"""Without a range the search goes beyond the reference's 10 (by hand: a flat loss can want more)."""

MIN_SEEN = 4
"""Fewer finite losses than this in the coarse ramp show nothing (by hand)."""

FIRST_CLIMB = 2
"""The first climb takes this many times the steps of the coarse ramp (compared on earlier states of the tasks)."""

SLOWER, SLOWEST = 2, 4
"""The second climb takes this many times the steps of the first, the larger one where the first saw next to nothing
(variants.json, climbing_again)."""

EVEN_SLOWER = 2.5
"""The third climb takes this many times the steps of the second (by hand)."""

NEXT_TO_NOTHING = 2.0
"""A fall of less than this many times the noise of a single loss may be anywhere (variants.json, climbing_again)."""

REACH_BELOW, REACH_ABOVE = 100.0, 30.0
"""A climb reaches from this factor below to this factor above the rate where the ramp before it was lowest
(ramps.jsonl: a coarse one shows its lowest point at up to six times the rate at which a slow one does)."""

LEAST_REACH = 10.0
"""After a climb that ran away, the next one goes no further than that did, but so far above the first low rate (by
hand)."""

RUNAWAY_ABOVE = 100.0
"""A loss runs away at most this factor above its lowest point; a point further down is noise (ramps.jsonl)."""

MOST_STEPS = 3
"""Where `max_it` is left out, all ramps together take at most this many times `num_it` (by hand)."""

# Probes.

PROBE_SPACING = 10**0.5
"""Factor from one probe's rate to the next (regret.json, probes=5; compared on earlier states of the tasks)."""

PROBES_BELOW = 10**0.25
"""The rates lie around the candidate divided by this, because a short training flatters the higher ones (likewise)."""

PROBE_STEPS, MIN_PROBE_STEPS = 100, 8
"""Steps of the longest probes where the caller says nothing, and the fewest that tell anything (by hand)."""

FIRST_ROUND = 0.25
"""Of more than three rates set beforehand, all train for this share of the steps, the better half for all of them
(likewise; three rounds were no better)."""

SHORTFALL = 0.1
"""A probe whose fall is short of the best one's by this share of it weighs 1/e of what that weighs in the suggestion;
half of it does about as well (likewise)."""

KEEP_BELOW = 10**0.75
"""What probes suggest stays this factor below a rate at which the loss ran away, since a longer training runs away at
lower rates; from 10**0.7 to 10 does about as well (likewise)."""

NEGLIGIBLE = 1e-4
"""Factor on the candidate for a rate that leaves the model as it is (by hand)."""

# When a ramp has seen enough.

DIVERGED_DROPS, DIVERGED_JUMPS = 4.0, 10.0
"""A loss has run away where its running average is so many times its fall above its lowest value, and so many times the
usual step from one loss to the next (by hand, after fastai v1's "4 times the best")."""

STOP_BETA = 0.8
"""Of that running average (by hand: it lags by five steps)."""

STOP_STEPS = 8
"""It means nothing before it has seen so many steps from one loss to the next (by hand)."""

# Schedules, and words.

CYCLE_PEAK = 2.0
"""The peak of a schedule that falls to nothing over the rate that is best throughout: the factor with the least regret
on the one-cycle truth (regret.json; flat from 1.5 to 2.5)."""

MEASURED_STEPS = 300
"""The longest trainings on which that was measured."""

SMALL_FALL = 0.1
"""A fall of less than this share of the loss looks flat in a plot (by hand)."""
