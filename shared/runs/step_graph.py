"""Which steps are before a step, which may start, and whether their trigger lets them."""

from collections.abc import Iterable, Mapping, Sequence

from shared.contracts.files.pipeline_template import Step


class StepGraph:
    """The steps of a template, each with those that it waits for. The template's reader has refused circles.

    `ended` is everywhere what became of steps, SUCCEEDED, FAILED or SKIPPED by step_id.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = {step.step_id: step for step in steps}

    def before(self, step_id: str) -> set[str]:
        """The steps that this one waits for, directly or through others."""
        found: set[str] = set()
        pending = list(self._steps[step_id].depends_on)
        while pending:
            name = pending.pop()
            if name not in found:
                found.add(name)
                pending += self._steps[name].depends_on
        return found

    def ready(self, ended: Mapping[str, str], started: Iterable[str]) -> list[Step]:
        """The steps that may start now, as the file lists them: all that they wait for has ended."""
        begun = {*started, *ended}
        return [
            step for step in self._steps.values() if step.step_id not in begun and ended.keys() >= set(step.depends_on)
        ]

    def is_triggered(self, step: Step, ended: Mapping[str, str]) -> bool:
        """Whether the step is to run. `on_failure` looks at everything before it, however far."""
        if step.trigger == "always":
            return True
        if step.trigger == "on_failure":
            return any(ended.get(name) == "FAILED" for name in self.before(step.step_id))
        return all(ended[name] == "SUCCEEDED" or self._had_nothing_to_do(name, ended) for name in step.depends_on)

    def _had_nothing_to_do(self, name: str, ended: Mapping[str, str]) -> bool:
        """An on_failure step that was skipped is no obstacle to the steps after it."""
        return self._steps[name].trigger == "on_failure" and ended[name] == "SKIPPED"
