"""Writes shell scripts that start trainings, as people write them, right and wrong: a strategy for hypothesis.

Every training has a script of its own (``train_qa.py``, ``train_qb.py`` …), so that what becomes of one can be told
from what becomes of another. Where a pid is kept, it is mostly in ``PID``.

Left out, for the facts or the test do not know: two signals sent one behind the other, of which the kernel may deliver
the later first; ``fg``; signals to ``$PPID`` and to all processes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["Written", "scripts"]

SIGNALS = ("TERM", "USR1", "INT")


@dataclass(frozen=True)
class Written:
    """A job script and what runs it."""

    interpreter: str
    """``bash``; for a script that says ``sh``: ``dash``, or ``sh``, which is bash by that name."""
    files: dict[str, str] = field(default_factory=dict)
    """``job.sh``, and ``run.sh`` if it runs that."""

    @property
    def text(self) -> str:
        """The job script."""
        return self.files["job.sh"]


def scripts() -> SearchStrategy[Written]:
    """Return the strategy."""
    return _scripts()


@st.composite
def _scripts(draw: DrawFn) -> Written:
    return _Writer(draw).write()


class _Writer:
    def __init__(self, draw: DrawFn) -> None:
        self.draw = draw
        self.interpreter = "bash"
        self.trainings = 0
        self.run_script = ""
        self.functions: list[str] = []
        self.main = ""
        """What starts the trainings."""

    def pick(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def chance(self, percent: int) -> bool:
        """Decide something; hypothesis shrinks to the rarer side's opposite, that is, to leaving it out."""
        return self.draw(st.integers(0, 99)) >= 100 - percent

    def _about_what_is_set(self, lines: list[list[str]]) -> list[str]:
        """Choose among lines, mostly those that use only pids that the script has."""
        unset = [
            name
            for name in ("PIDS", "OTHER", "PID", "train.pid")
            if not re.search(rf"{name}\b(?:=|\+=|$)", self.main, re.M)
        ]
        known = [one for one in lines if not any(re.search(rf"\b{name}\b", " ".join(one)) for name in unset)]
        return list(self.draw(st.sampled_from(known if known and not self.chance(6) else lines)))

    @property
    def is_bash(self) -> bool:
        return self.interpreter == "bash"

    def write(self) -> Written:
        self.interpreter = self.pick(*["bash"] * 7, "dash", "sh")
        heads = {
            "bash": ("#!/bin/bash", "#!/usr/bin/env bash"),
            "dash": ("#!/bin/sh", "#!/bin/dash"),
            "sh": ("#!/bin/sh",),
        }
        head = [self.pick(*heads[self.interpreter])]
        if self.chance(30):
            head.append(self.pick("#SBATCH --signal=B:USR1@60", "#SBATCH --time=1:00:00", "#SBATCH --signal=B:TERM@60"))
        head.append("export WANDB_PROJECT=demo")
        body: list[str] = []
        if self.chance(30):
            settings = (
                ["set -e", "set -m", "set -x", "set -u", "set -eu"]
                if not self.is_bash
                else [
                    "set -e",
                    "set -m",
                    "set -eo pipefail",
                    "set -o pipefail",
                    "set -em",
                    "set -u",
                    "set -euo pipefail",
                ]
            )
            if self.interpreter == "dash":
                settings.remove("set -m")  # it has no job control without a terminal
            body.append(self.pick(*settings))
        is_background = self.chance(72)
        main = self._background() if is_background else self._foreground()
        self.main = "\n".join([*self.functions, *main])
        before: list[str] = []
        behind: list[str] = []
        late: list[str] = []
        for _ in range(self.draw(st.sampled_from([0, 1, 1, 1, 1, 2]))):
            trap = self._trap(is_background)
            place = self.draw(st.integers(0, 9))
            (late if place == 9 else behind if place >= 7 else before).extend(trap)
        waits = self._waits() if is_background else self._after()
        ending = self._ending()
        lines = [*head, *body, *self.functions, *before, *main, *behind, *waits, *late, *ending]
        files = {"job.sh": "\n".join(lines) + "\n"}
        if self.run_script:
            files["run.sh"] = self.run_script
        return Written(self.interpreter, files)

    # What is started

    def _training(self) -> str:
        name = "abcdefgh"[self.trainings % 8]
        self.trainings += 1
        return f"python train_q{name}.py"

    def _command(self, *, simple: bool = False) -> str:
        training = self._training()
        if simple or self.chance(55):
            return training
        form = self.pick(
            "env", "assignment", "nohup", "timeout", "setsid", "nice", "stdbuf", "command", "shell", "shell more",
            "shell exec", "script", "time", "eval", "foreground", "shell trap", "exec", "flock", "waiting setsid",
            "nested", "document",
        )  # fmt: skip
        shell = self.pick("bash", "sh") if self.interpreter != "dash" else "sh"
        if form in ("shell", "shell more", "shell exec", "shell trap") and self.interpreter == "sh":
            shell = "bash"
        if form == "script":
            self._write_run_script(training)
            return self.pick("bash run.sh", "./run.sh", "exec bash run.sh")
        return {
            "env": f"env OMP_NUM_THREADS=1 {training}",
            "assignment": f"CUDA_VISIBLE_DEVICES=0 {training}",
            "nohup": f"nohup {training}",
            "timeout": f"timeout 1h {training}",
            "foreground": f"timeout --foreground 1h {training}",
            "setsid": f"setsid {training}",
            "waiting setsid": f"setsid --wait {training}",
            "nice": f"nice -n 5 {training}",
            "stdbuf": f"stdbuf -oL {training}",
            "command": f"command {training}",
            "time": f"time {training}" if self.is_bash else training,
            "eval": f'eval "{training}"',
            "exec": f"exec {training}",
            "flock": f"flock run.lock {training}",
            "shell": f"{shell} -c '{training}'",
            "shell more": f"{shell} -c '{training}; echo over'",
            "shell exec": f"{shell} -c 'cd . && exec {training}'",
            "shell trap": f"{shell} -c 'trap \"\" USR1; {training}; echo over'",
            "nested": f"nice env A=b timeout 1h {training}",
            "document": f"bash <<'EOF'\n{training}\necho over\nEOF",
        }[form]

    def _write_run_script(self, training: str) -> None:
        head = self.pick("#!/bin/bash\n", "#!/bin/sh\n")
        signals = self.pick("TERM", "USR1", "TERM USR1")
        name = self.pick("TERM", "USR1")
        self.run_script = head + self.pick(
            f"{training}\n",
            f"exec {training}\n",
            f"{training}\necho over\n",
            f"{training} | tee run.log\n",
            f"trap 'kill -{name} $CHILD' {signals}\n{training} &\nCHILD=$!\nwait $CHILD\nwait $CHILD\n",
            f"trap 'kill -{name} $CHILD' {signals}\n{training} &\nCHILD=$!\nwait $CHILD\n",
            f"trap '' {signals}\n{training}\n",
        )

    def _redirected(self, command: str) -> str:
        if command.endswith("EOF") or self.chance(60):
            return command
        ways = ["> train.log 2>&1", ">> train.log", "< /dev/null", "2>&1"]
        if self.is_bash:
            ways += ["> >(tee train.log) 2>&1", "&> train.log", "2> >(cat >&2)"]
        return f"{command} {self.pick(*ways)}"

    def _simple(self) -> str:
        return self._redirected(self._command())

    def _function(self, lines: list[str], name: str = "run_training") -> str:
        body = "\n".join(f"  {line}" for line in lines)
        if "<<" in body:
            body = "\n".join(lines)
        self.functions.append(f"{name}() {{\n{body}\n}}")
        return name

    def _foreground(self) -> list[str]:
        form = self.pick(
            "plain", "plain", "plain", "pipe", "or true", "or echo", "and", "if not", "if", "exec", "loop", "group",
            "subshell", "function", "status", "several", "retry", "branch", "negated", "substitution", "case",
            "or exit", "function pipe", "group pipe",
        )  # fmt: skip
        command = self._simple() if form not in ("function pipe", "group pipe") else self._training()
        if command.endswith("EOF"):
            return command.split("\n")
        return {
            "plain": lambda: [command],
            "pipe": lambda: [f"{command} {self.pick('| tee train.log', '2>&1 | tee -a train.log', '| cat')}"],
            "or true": lambda: [f"{command} || true"],
            "or echo": lambda: [f"{command} || echo failed"],
            "or exit": lambda: [f"{command} || exit 1"],
            "and": lambda: [f"{self.pick('cd .', 'true', 'mkdir -p runs')} && {command}"],
            "if not": lambda: [f"if ! {command}; then", "  echo failed", "fi"],
            "if": lambda: [f"if {command}; then", "  touch done.txt", "fi"],
            "exec": lambda: [self._exec(command)],
            "loop": lambda: ["for seed in 1 2 3; do", f"  {command}", "done"],
            "group": lambda: ["{", f"  {command}", "}"],
            "subshell": lambda: self.draw(
                st.sampled_from(
                    [[f"( {command} )"], ["(", "  cd .", f"  {command}", ")"], [f"( {command}; echo over )"]]
                )
            ),
            "function": lambda: [self._function([command])],
            "function pipe": lambda: [self._function([command, "echo over"]) + " | tee train.log"],
            "group pipe": lambda: [f"{{ {command}; echo over; }} | tee train.log"],
            "status": lambda: [command, "status=$?", 'echo "ended with $status"'],
            "several": lambda: [command, self._training()],
            "retry": lambda: [f"until {command}; do", "  sleep 1", "done"],
            "branch": lambda: [
                *self.draw(st.sampled_from([
                    ['MODE=full', 'if [ "$MODE" = full ]; then'],
                    ['if [ -n "${DEBUG:-}" ]; then', "  echo debug", "else"],
                    ['if [ "${1:-train}" = train ]; then'],
                ])),
                f"  {command}", "fi",
            ],
            "case": lambda: [
                'case "${1:-train}" in', "  train)", f"    {command}", "    ;;", "  *) echo usage ;;", "esac",
            ],
            "negated": lambda: [f"! {command}"],
            "substitution": lambda: [f"RESULT=$({command})", 'echo "$RESULT"'],
        }[form]()  # fmt: skip

    def _background(self) -> list[str]:
        form = self.pick(
            "plain", "plain", "plain", "plain", "pipe", "subshell", "subshell more", "group", "and", "function", "loop",
            "two", "branch", "subshell exec", "sleep first", "function inside", "or true", "two pids", "in subshell",
            "job trap", "other first",
        )  # fmt: skip
        command = self._simple()
        if command.endswith("EOF"):
            return [command.replace("<<'EOF'", "<<'EOF' &"), *self._capture()]
        capture = self._capture()
        return {
            "plain": lambda: [f"{command} &", *capture],
            "pipe": lambda: [f"{command} {self.pick('| tee train.log', '2>&1 | tee -a train.log')} &", *capture],
            "subshell": lambda: [f"( {command} ) &", *capture],
            "subshell more": lambda: [f"( {command}; echo over ) &", *capture],
            "subshell exec": lambda: [f"( cd . && {self._exec(command)} ) &", *capture],
            "group": lambda: ["{", f"  {command}", *(["  echo over"] if self.chance(50) else []), "} &", *capture],
            "and": lambda: [f"cd . && {command} &", *capture],
            "or true": lambda: [f"{command} || true &", *capture],
            "function": lambda: [
                self._function([command, *(["echo over"] if self.chance(50) else [])]) + " &", *capture,
            ],
            "function inside": lambda: [self._function([f"{command} &", *capture])],
            "loop": lambda: [
                "for seed in 1 2; do", f"  {command} &", f"  {self._keeping()}", "done",
            ],
            "two": lambda: [f"{command} &", f"{self._training()} &", *capture],
            "two pids": lambda: [f"{command} &", *capture, f"{self._training()} &", "OTHER=$!"],
            "branch": lambda: [
                'if [ -z "${DEBUG:-}" ]; then', f"  {command} &", *(f"  {one}" for one in capture), "fi",
            ],
            "sleep first": lambda: ["sleep 1000 &", "KEEPER=$!", f"{command} &", *capture],
            "other first": lambda: ["nvidia-smi > gpu.log &", f"{command} &", *capture],
            "in subshell": lambda: ["(", f"  {command} &", *(f"  {one}" for one in capture), "  wait", ")"],
            "job trap": lambda: ["(", "  trap 'kill -TERM $INNER' TERM USR1", f"  {command} &", "  INNER=$!",
                                 "  wait $INNER", "  wait $INNER", ") &", *capture],
        }[form]()  # fmt: skip

    def _keeping(self) -> str:
        if self.chance(30):
            return "PID=$!"
        return "PIDS+=($!)" if self.is_bash else 'PIDS="$PIDS $!"'

    def _exec(self, command: str) -> str:
        return command if command.startswith(("exec ", "time ", "eval ", "CUDA", "command ")) else f"exec {command}"

    def _capture(self) -> list[str]:
        return list(
            self.draw(
                st.sampled_from(
                    [("PID=$!",)] * 6
                    + [(), ("PID=$!", "echo $! > train.pid"), ("echo $! > train.pid",), ("PIDS=$!", "PID=$PIDS")]
                    + [("PID=$(jobs -p)",), ('echo "started $!"', "PID=$!"), ("export PID=$!",), ("readonly PID=$!",)]
                )
            )
        )

    # Traps

    def _trap(self, is_background: bool) -> list[str]:
        signals = self.pick(
            "TERM", "USR1", "TERM USR1", "SIGTERM SIGUSR1", "TERM INT", "INT TERM USR1", "15 10", "EXIT", "TERM EXIT",
            "USR1 EXIT",
        )  # fmt: skip
        form = self.draw(st.integers(0, 99))
        if form < 6:
            return [f"trap {self.pick(chr(39) * 2, chr(34) * 2)} {signals}"]
        if form < 9:
            return [f"trap - {signals}"]
        if form < 12:
            return [f"trap 'echo got it' {signals}"]
        if form < 55:
            body = "; ".join(self._trap_steps())
            if self.chance(18) and "'" not in body:
                body = body.replace('"', "")
                return [f'trap "{body}" {signals}']
            return [f"trap '{body}' {signals}"]
        name = self.pick("handler", "cleanup", "stop_training")
        while any(one.startswith(name + "(") for one in self.functions):
            name += "_too"
        lines = self._trap_steps()
        if self.chance(15):
            lines = ['if [ -n "${PID:-}" ]; then', *(f"  {one}" for one in lines), "fi"]
        self._function(lines, name)
        if self.chance(12):
            return ["for name in TERM USR1; do", f'  trap {name} "$name"', "done"]
        if self.chance(8):
            return ['if [ -n "${SLURM_JOB_ID:-}" ]; then', f"  trap {name} {signals}", "fi"]
        return [f"trap {name} {signals}"]

    def _trap_steps(self) -> list[str]:
        steps: list[str] = []
        if self.chance(20):
            steps.append(self.pick('echo "signal"', "date", "trap - TERM", 'trap "" TERM USR1 INT'))
        if not self.chance(7):
            steps.append(self._kill())
        after = self.draw(st.integers(0, 99))
        if after < 30:
            steps.append(self.pick('wait "$PID"', "wait", "wait $PID || true", "wait $PID 2>/dev/null"))
        elif after < 34:
            steps.append("while kill -0 $PID 2>/dev/null; do sleep 1; done")
        elif after < 37:
            steps.append("sleep 1")
        elif after < 40:
            steps.append("tail --pid=$PID -f /dev/null")
        if self.chance(12):
            steps.append("scontrol requeue $SLURM_JOB_ID")
        if self.chance(25):
            steps.append(self.pick("exit 0", "exit 143", "exit $?", "exit"))
        return steps or [":"]

    def _kill(self) -> str:
        signal = self.pick("-TERM", "-TERM", "-USR1", "-SIGTERM", "-s TERM", "-15", "", "-INT", "-10", "-KILL", "-HUP")
        plain = f"kill {signal}".strip()
        direct = signal.replace("-s ", "-")
        targets = [f'{plain} "$PID"'] * 5 + [f"{plain} $PID"] * 2 + [
            f"{plain} $(jobs -p)", f"{plain} 0", f"{plain} -- -$PID", f"{plain} -- -$$", f"{plain} %1", f"{plain} $!",
            f"{plain} $(cat train.pid)", f"{plain} $PID 2>/dev/null || true", f'{plain} "${{PIDS[@]}}"' if self.is_bash
            else f"{plain} $PIDS", f"{plain} $PIDS", f"{plain} $OTHER", f"kill -0 $PID && {plain} $PID",
            f'[ -n "${{PID:-}}" ] && {plain} "$PID"', f"for p in $(jobs -p); do {plain} $p; done", f"{plain} $$",
            f"pkill {direct} -P $$".replace("  ", " "), f"pkill {direct} -f train_qa.py".replace("  ", " "),
            f"for p in $PIDS; do {plain} $p; done", f"{plain} -$PID" if signal else f"{plain} -TERM -$PID",
        ]  # fmt: skip
        return self._about_what_is_set([[one] for one in targets])[0]

    # What comes behind

    def _waits(self) -> list[str]:
        again = self.pick('wait "$PID"', "wait $PID", "wait")
        forms: list[list[str]] = [
            [again],
            [again],
            [again],
            [again, again],
            [again, again],
            [again, "wait"],
            [],
            [f"{again} || {again}"],
            [f"{again} || true", again],
            ["while kill -0 $PID 2>/dev/null; do", "  wait $PID", "done"],
            ["while kill -0 $PID 2>/dev/null; do", "  sleep 1", "done"],
            ["while kill -0 $PID 2>/dev/null; do", "  wait $PID", "  status=$?", "done", "exit $status"],
            ["for p in $PIDS; do", "  wait $p", "done"],
            [again, "status=$?", "exit $status"],
            [again, "status=$?", 'if [ "$status" -gt 128 ]; then', f"  {again}", "fi"],
            ["wait %1"],
            ["tail --pid=$PID -f /dev/null"],
            [again, "trap - TERM USR1", again],
            [again, "sleep 1", "echo over"],
            ["sleep 1", again],
            ["until wait $PID; do", "  sleep 1", "done"],
            [f"if ! {again}; then", "  echo failed", "fi"],
            ["while true; do", "  wait $PID", "  kill -0 $PID 2>/dev/null || break", "done"],
            [f"{again} && echo fine"],
            [again, f"{self._training()}"],
            ["for round in 1 2 3; do", "  wait", "done"],
        ]
        if self.is_bash:
            forms += [["wait -n"], ['for p in "${PIDS[@]}"; do', '  wait "$p"', "done"], ["wait -n", "wait"]]
        return self._about_what_is_set(forms)

    def _after(self) -> list[str]:
        return list(self.draw(st.sampled_from([[], [], [], ["echo over"], ["wait"], [f"{self._training()}"]])))

    def _ending(self) -> list[str]:
        return list(
            self.draw(
                st.sampled_from(
                    [[]] * 6
                    + [["exit 0"], ["exit $?"], ["echo over"], ["sleep 1"], ["[ $? -eq 143 ] && echo preempted"]]
                )
            )
        )
