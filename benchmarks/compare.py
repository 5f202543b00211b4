"""Times wbsignal-lint against ruff and flake8, whole processes in turn, and prints ratios.

Usage, from the root of the repository, in an environment with the test extra::

    python benchmarks/compare.py [--runs N] [--tree FOLDER]

Machines are noisy, so nothing here is a test and no single time means anything: each round runs every command once, and
what is quoted is the median of the ratios within the rounds. The rules differ between tools: this compares what a user
waits for.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FINDING = "fixtures/handler-exits-zero/bad_helper.py"
CLEAN = "wbsignal_lint/contract.py"
PROJECTS = "fixtures/projects"
PYTHON = (sys.executable, "-m")


def seconds(command: tuple[str, ...]) -> float:
    """Run a command to its end and return its wall time in seconds; what it prints and returns does not matter."""
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - start


def compare(title: str, commands: dict[str, tuple[str, ...]], runs: int) -> None:
    """Run the commands in turn, the first one being what the others are divided by, and print a line for each."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for round_number in range(runs + 1):
        for name, command in commands.items():
            taken = seconds(command)
            if round_number:  # the first round warms the caches up
                times[name].append(taken)
    base = next(iter(commands))
    print(f"\n{title} ({runs} rounds)")
    for name, taken_by in times.items():
        ratios = [one / other for one, other in zip(taken_by, times[base], strict=True)]
        print(f"  {name:32} median {statistics.median(taken_by):7.3f} s   x {statistics.median(ratios):6.2f} of {base}")


def job_script(folder: Path, lines: int) -> Path:
    """Write a job script of so many lines: trainings with a variable each, in the background and waited for."""
    block = "OUT=run{0}\nmkdir -p $OUT\npython train.py --out $OUT &\nPID=$!\nwait $PID\n"
    text = "#!/bin/bash\n#SBATCH --time=8:00:00\nexport WANDB_PROJECT=long\n"
    path = folder / f"{lines}.sbatch"
    path.write_text(text + "".join(map(block.format, range(lines // 5))), encoding="utf-8")
    return path


def main() -> int:
    """Run all comparisons; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7, help="counted rounds (default 7)")
    parser.add_argument("--tree", default=sysconfig.get_path("purelib"), help="a large folder (default site-packages)")
    options = parser.parse_args()
    ours = (*PYTHON, "wbsignal_lint", "--isolated", "--exit-zero")
    ruff = (*PYTHON, "ruff", "check", "--isolated", "--no-cache", "--quiet", "--select", "ASYNC,PLE")
    flake8 = (*PYTHON, "flake8", "--isolated", "-j1")
    for title, path in (("one file with a finding", FINDING), ("one file without W&B", CLEAN)):
        compare(
            title,
            {
                "wbsignal-lint": (*ours, path),
                "ruff (ASYNC, PLE)": (*ruff, path),
                "flake8, only its own rules": (*flake8, "--extend-ignore", "WBS", path),
                "flake8 with our plugin": (*flake8, path),
            },
            options.runs,
        )
    tree = {
        "wbsignal-lint": (*ours, "--no-gitignore", options.tree),
        "ruff (ASYNC, PLE)": (*ruff, "--no-respect-gitignore", options.tree),
    }
    projects = {
        "wbsignal-lint": (*ours, PROJECTS),
        "ruff (ASYNC, PLE)": (*ruff, PROJECTS),
    }
    compare("small projects, whose files import each other", projects, options.runs)
    with tempfile.TemporaryDirectory() as folder:
        scripts = {f"{lines:,} lines": (*ours, str(job_script(Path(folder), lines))) for lines in (5_000, 20_000)}
        compare("job scripts, four times as long", scripts, max(1, options.runs // 3))
    compare(f"the tree {Path(options.tree).name}", tree, max(1, options.runs // 3))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
