import math

import pytest
import torch
from benchmarks.finders.tasks import CASES, MOMENTUM_CASES, TASKS, WIDER, WIDER_CASES, Case, epochs
from benchmarks.finders.tasks.constants import (
    constant_binary_cross_entropy,
    constant_cross_entropy,
    constant_squared_error,
)
from benchmarks.finders.tasks.grid_world import DISCOUNT
from benchmarks.finders.tasks.optimizers import Lion
from benchmarks.finders.truth import RATES, USUAL_RATE

from lr_finder.curve.parameter_groups import largest_momentum

EVERY_CASE = pytest.mark.parametrize("case", (CASES | WIDER_CASES).values(), ids=CASES | WIDER_CASES)
EVERY_TASK = pytest.mark.parametrize(
    "case", [Case(task, task.optimizers[0]) for task in (*TASKS, *WIDER)], ids=lambda case: case.name
)


def three_losses(case: Case, seed: int) -> list[float]:
    """Losses of three steps at a tenth of the usual rate, and the validation loss after them."""
    model, make_optimizer, loss_fn, loader, validate = case.make(seed)
    optimizer = make_optimizer(RATES[USUAL_RATE[case.optimizer]] / 10)
    losses = []
    for _, (inputs, targets) in zip(range(3), epochs(loader), strict=False):
        optimizer.zero_grad()
        loss = loss_fn(model(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return [*losses, validate()]


@pytest.mark.slow
@EVERY_CASE
def test_three_steps_have_finite_losses_and_move_the_model(case):
    first, second = case.make(0).validate(), three_losses(case, 0)
    assert all(map(math.isfinite, [first, *second]))
    assert first != second[-1]


@pytest.mark.parametrize(
    ("name", "momentum"),
    [
        ("mlp-sgd_m0.5", 0.5),
        ("mlp-sgd_m0.99", 0.99),
        ("mlp-adamw_m0", 0),
        ("mlp-adamw_m0.99", 0.99),
        ("mlp-rmsprop_m0.9", 0.9),
    ],
)
def test_an_optimizer_of_another_momentum_tells_it(name, momentum):
    case = MOMENTUM_CASES[name]
    assert largest_momentum(case.make(0).make_optimizer(0.1).param_groups) == momentum
    assert all(map(math.isfinite, three_losses(case, 0)))


@EVERY_TASK
def test_the_same_seed_trains_the_same_and_another_one_does_not(case):
    assert three_losses(case, 0) == three_losses(case, 0)
    assert three_losses(case, 0) != three_losses(case, 1)


@EVERY_TASK
def test_validation_neither_trains_nor_leaves_evaluation_mode_on(case):
    setup = case.make(0)
    state = {name: value.clone() for name, value in setup.model.state_dict().items()}
    assert setup.validate() == setup.validate()
    assert setup.model.training
    assert all(torch.equal(value, state[name]) for name, value in setup.model.state_dict().items())


@EVERY_TASK
def test_batches_hold_different_training_rows_of_the_promised_number(case):
    inputs, targets = next(epochs(case.make(0).train_loader))
    assert len(inputs) == len(targets) == case.task.batch_size
    assert len(torch.unique(inputs.reshape(len(inputs), -1), dim=0)) > 1


def test_there_are_twenty_kinds_of_tasks_and_every_name_is_used_once():
    assert len({task.family for task in TASKS}) >= 20
    assert len({task.name for task in (*TASKS, *WIDER)}) == len((*TASKS, *WIDER))
    assert all(2 <= len(task.optimizers) <= 3 for task in (*TASKS, *WIDER))


def test_a_constant_answer_to_the_wider_tasks_costs_something_finite():
    assert all(0 < task.problem.constant_loss < math.inf for task in WIDER)


def test_constant_answers_cost_what_they_must():
    balanced = torch.arange(4)
    assert constant_cross_entropy(balanced, balanced, 4) == pytest.approx(math.log(4))
    assert constant_binary_cross_entropy(torch.tensor([0.0, 1.0]), torch.tensor([1.0])) == pytest.approx(math.log(2))
    columns = torch.tensor([[0.0, 5.0], [2.0, 5.0]])
    assert constant_squared_error(columns, columns) == pytest.approx(0.5)


def test_a_learned_constant_is_no_better_than_the_stated_one():
    task = next(task for task in TASKS if task.name == "mixture_density")
    constant = torch.zeros(1, 12, requires_grad=True)
    with torch.no_grad():
        constant[0, 4:8] = torch.linspace(-0.3, 0.3, 4)
        constant[0, 8:] = -2.0
    optimizer = torch.optim.Adam([constant], 0.02)
    for _ in range(300):
        optimizer.zero_grad()
        targets = task.problem.train.targets
        task.loss_fn(constant.expand(len(targets), 12), targets).backward()
        optimizer.step()
    targets = task.problem.validation.targets
    learned = task.loss_fn(constant.detach().expand(len(targets), 12), targets)
    assert float(learned) == pytest.approx(task.problem.constant_loss, abs=0.02)


def test_forward_derivatives_of_the_physics_task_agree_with_autograd():
    setup = CASES["oscillator-adamw"].make(0)
    times = torch.linspace(0, 1, 7)[:, None].requires_grad_()
    first, second, third = setup.model.layers
    value = times * third(torch.tanh(second(torch.tanh(first(times * 2 - 1)))))
    slope = torch.autograd.grad(value.sum(), times, create_graph=True)[0]
    curvature = torch.autograd.grad(slope.sum(), times)[0]
    expected = (curvature + 4 * slope + 100 * value) / 100
    torch.testing.assert_close(setup.model(times), expected)


def test_the_solution_of_the_physics_task_has_the_given_forces():
    times, forces = (part.double() for part in CASES["oscillator-adamw"].task.problem.validation)
    times.requires_grad_()
    value = torch.sin(9 * times) + times
    slope = torch.autograd.grad(value.sum(), times, create_graph=True)[0]
    curvature = torch.autograd.grad(slope.sum(), times)[0]
    torch.testing.assert_close((curvature + 4 * slope + 100 * value) / 100, forces, atol=1e-5, rtol=1e-5)


def test_the_true_values_of_the_grid_world_are_where_its_errors_average_to_nothing():
    problem = next(task for task in WIDER if task.name == "fitted_q").problem
    states, actions, nexts, goes_on = problem.train.inputs.T
    values = torch.zeros(64, 4)
    values[tuple(problem.validation.inputs[:, :2].T)] = problem.validation.targets
    errors = problem.train.targets + DISCOUNT * goes_on * values[nexts].amax(1) - values[states, actions]
    assert float(errors.mean()) == pytest.approx(0, abs=0.005)
    assert 0.5 < values.max() < 1
    assert -1 < values.min() < -0.5


def test_the_values_chase_a_copy_that_is_refreshed_every_fifty_forwards():
    setup = WIDER_CASES["fitted_q-adamw"].make(0)
    model, optimizer, batches = setup.model, setup.make_optimizer(1e-2), epochs(setup.train_loader)
    refreshed_before = []
    for step in range(101):
        copy_before = model.copy[0].weight.clone()
        transitions, rewards = next(batches)
        optimizer.zero_grad()
        setup.loss_fn(model(transitions), rewards).backward()
        if not torch.equal(model.copy[0].weight, copy_before):
            refreshed_before.append(step)
        optimizer.step()
    assert refreshed_before == [0, 50, 100]
    assert not any(name.startswith("copy.") for name, _ in model.named_parameters())


def test_adapters_start_as_the_pretrained_net_and_leave_it_as_it_is():
    setup = WIDER_CASES["low_rank_adaptation-adamw"].make(0)
    images, digits = next(epochs(setup.train_loader))
    first = setup.model[0]
    assert torch.equal(first(images), first.frozen(images))
    frozen, optimizer = first.frozen.weight.clone(), setup.make_optimizer(1e-2)
    setup.loss_fn(setup.model(images), digits).backward()
    optimizer.step()
    assert torch.equal(first.frozen.weight, frozen)
    assert not torch.equal(first(images), first.frozen(images))


def test_the_flow_is_a_density_that_integrates_to_one():
    model = CASES["flow-adamw"].make(0).model
    line = torch.linspace(-12, 12, 33)  # wide, because some directions start stretched
    with torch.no_grad():
        mass = model(torch.cartesian_prod(line, line, line, line)).exp().sum() * (line[1] - line[0]) ** 4
    assert float(mass) == pytest.approx(1, abs=0.02)


def test_lion_steps_by_the_sign_of_its_interpolated_momentum():
    parameter = torch.zeros(2, requires_grad=True)
    optimizer = Lion([parameter], 0.5)
    parameter.grad = torch.tensor([3.0, -0.1])
    optimizer.step()  # momentum becomes (0.03, -0.001)
    assert parameter.tolist() == [-0.5, 0.5]
    parameter.grad = torch.tensor([-0.1, 1.0])  # 0.9 x momentum + 0.1 x gradient is (0.017, 0.0991)
    optimizer.step()
    assert parameter.tolist() == [-1.0, 0.0]
