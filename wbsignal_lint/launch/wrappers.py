"""The programs that run another command, as data: which options take an argument, where the command begins.

From the programs' own ``--help`` and man pages. An option that is missing here is taken for one without an argument;
:mod:`wbsignal_lint.launch.running` then still finds a ``wandb agent`` further right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

__all__ = ["MENTIONS", "SCRIPT_READERS", "SHELLS", "WRAPPERS", "Then", "Wrapper"]


class Then(Enum):
    """What stands behind a wrapper's options and operands."""

    COMMAND = "command"
    """The words of a command."""
    SHELL = "shell"
    """Words that, joined by blanks, are read as shell (``ssh host …``)."""
    EITHER = "either"
    """One word is read as shell, several are a command (``tmux new-session …``)."""
    DASHES = "dashes"
    """The words of a command, behind ``--`` only (``kubectl exec pod -- …``)."""
    MODULE = "module"
    """A script to run with Python, or ``-m`` and a module."""
    KEYS = "keys"
    """Keys to type into a terminal."""
    FILE = "file"
    """A script file and its arguments, or no file and the script on standard input."""
    NOTHING = "nothing"
    """Nothing that this file tells."""


@dataclass(frozen=True)
class Wrapper:
    """How a program that runs other commands reads its words."""

    short: str = ""
    """The one-letter options that take an argument."""
    long: frozenset[str] = frozenset()
    """The long options that take an argument of their own."""
    operands: int = 0
    """How many words stand between the options and the command (``timeout 1h …``)."""
    then: Then = Then.COMMAND
    assignments: bool = False
    """Whether ``NAME=value`` may stand in front of the command."""
    scripts: frozenset[str] = frozenset()
    """The options whose argument is read as shell (``bash -c``, ``sbatch --wrap``)."""
    subcommands: Mapping[str, Wrapper] = field(default_factory=dict)
    """The subcommands that run something (``conda run``); with any other the program runs nothing."""
    clusters: bool = True
    """Whether one-letter options can stand in one word; LSF has longer names behind one dash instead (``-gpu``)."""
    ends: frozenset[str] = frozenset()
    """Words that end the command (``parallel … ::: a b``)."""


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


def _long(names: str) -> frozenset[str]:
    return frozenset("--" + name for name in names.split())


SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ksh", "ash", "fish", "csh", "tcsh"})
"""The shells: ``-c`` takes a script, an operand is a script file, without either they read standard input."""

MENTIONS = _names(
    "echo printf logger grep egrep fgrep zgrep rg ag ack awk gawk mawk sed ps pgrep pkill killall kill which "
    "whereis type hash man info apropos git hg svn cat bat less more head tail cut tr sort uniq wc ls cp mv rm "
    "mkdir rmdir touch test [ alias unalias export declare local readonly unset read return pip pip3 "
    "conda-install apt apt-get brew module notify-send mail mutt slack wall figlet tput trap curl wget jq yq expr "
    "basename dirname true false : help"
)
"""Programs whose words are never run, whatever they say."""

_SLURM_SHORT = "AaBbcCdDeFGiJLmMnNopqrStTwWx"
_SLURM_LONG = _long(
    "account acctg-freq array batch bb bbf begin bcast chdir cluster-constraint clusters comment compress "
    "constraint container core-spec cores-per-socket cpu-bind cpu-freq cpus-per-gpu cpus-per-task deadline "
    "delay-boot dependency distribution epilog error exclude export export-file extra extra-node-info "
    "get-user-env gid gpu-bind gpu-freq gpus gpus-per-node gpus-per-socket gpus-per-task gres gres-flags hint "
    "input jobid job-name kill-on-bad-exit licenses mail-type mail-user mcs-label mem mem-bind mem-per-cpu "
    "mem-per-gpu mincpus mpi multi-prog network nice nodefile nodelist nodes ntasks ntasks-per-core "
    "ntasks-per-gpu ntasks-per-node ntasks-per-socket open-mode output partition power prefer prefix priority "
    "profile prolog qos relative reservation resv-ports signal slurmd-debug sockets-per-node switches task-epilog "
    "task-prolog thread-spec threads threads-per-core time time-min tmp tres-bind tres-per-task tree-width uid "
    "wait wait-all-nodes wckey container-image container-mounts container-workdir container-name container-env"
) - _long("kill-on-bad-exit nice wait get-user-env threads")
_SLURM = Wrapper(_SLURM_SHORT, _SLURM_LONG)

_CONTAINER_RUN = Wrapper(
    "aceghlmpuvw",
    _long(
        "add-host annotation attach blkio-weight cap-add cap-drop cgroup-parent cgroupns cidfile cpu-period "
        "cpu-quota cpu-shares cpus cpuset-cpus cpuset-mems device dns dns-search domainname entrypoint env "
        "env-file expose gpus group-add health-cmd hostname hooks-dir ip ipc isolation label label-file link "
        "log-driver log-opt mac-address memory memory-reservation memory-swap mount name network network-alias "
        "net oom-score-adj pid pids-limit platform pod publish pull restart runtime secret security-opt shm-size "
        "stop-signal stop-timeout storage-opt sysctl tmpfs ulimit user userns uts volume volume-driver "
        "volumes-from workdir"
    ),
    operands=1,
)
_CONTAINER_EXEC = Wrapper("euw", _long("detach-keys env env-file user workdir"), operands=1)
_COMPOSE_RUN = Wrapper(
    "ePplucvwf", _long("entrypoint env index label name publish pull user volume workdir"), operands=1
)
_COMPOSE = Wrapper(
    "fp",
    _long("file profile project-name project-directory env-file"),
    subcommands={"run": _COMPOSE_RUN, "exec": _COMPOSE_RUN},
)
_DOCKER = Wrapper(
    "cHl",
    _long("config context host log-level"),
    subcommands={
        "run": _CONTAINER_RUN,
        "exec": _CONTAINER_EXEC,
        "create": _CONTAINER_RUN,
        "container": Wrapper(subcommands={"run": _CONTAINER_RUN, "exec": _CONTAINER_EXEC}),
        "compose": _COMPOSE,
    },
)
_SINGULARITY_EXEC = Wrapper(
    "BHSWo",
    _long(
        "add-caps app apply-cgroups bind blkio-weight cpus cpuset-cpus cwd dns docker-host drop-caps env env-file "
        "fusemount home hostname memory mount network network-args overlay pem-path pid-file pwd scratch security "
        "workdir"
    ),
    operands=1,
)
_SINGULARITY = Wrapper("c", _long("config"), subcommands={"exec": _SINGULARITY_EXEC, "run": _SINGULARITY_EXEC})
_CONDA = Wrapper(
    "rp",
    _long("root-prefix prefix rc-file"),
    subcommands={
        "run": Wrapper("npa", _long("name prefix cwd attach root-prefix env-file")),
        "activate": Wrapper(then=Then.NOTHING),
    },
)
_UV_RUN = Wrapper(
    "pPCfi",
    _long(
        "extra no-extra group no-group only-group env-file with with-editable with-requirements package python "
        "index default-index index-url extra-index-url find-links config-setting cache-dir directory project "
        "config-file color python-platform refresh-package upgrade-package reinstall-package exclude-newer "
        "link-mode prerelease resolution keyring-provider index-strategy no-binary-package no-build-package from"
    ),
)
_PYTHON = Wrapper("cWXQ", _long("check-hash-based-pycs"), then=Then.MODULE)
_MPI = Wrapper(
    "",
    _names(
        "-n -np -c -N -npernode -ppn -f -hostfile -machinefile -H -host -hosts -x -mca -genv -env -wdir -rf "
        "-rankfile -bind-to -map-by -iface -configfile -launcher -bootstrap -output-filename --np --n --hostfile "
        "--host --bind-to --map-by --rank-by --rankfile --prefix --wdir --npernode --npersocket --app "
        "--report-uri -npersocket -path -wd --path -envlist -genvlist -outfile-pattern -errfile-pattern"
    ),
)
_NEW_TMUX = Wrapper("ceFfnstxy", then=Then.EITHER)
_TMUX = Wrapper(
    "LSfcT",
    subcommands={
        **dict.fromkeys(("new-session", "new", "new-window", "neww"), _NEW_TMUX),
        **dict.fromkeys(
            ("split-window", "splitw", "respawn-pane", "respawn-window", "respawnp", "respawnw"),
            Wrapper("ceFlpt", then=Then.EITHER),
        ),
        **dict.fromkeys(("send-keys", "send"), Wrapper("ctN", then=Then.KEYS)),
        **dict.fromkeys(("run-shell", "run", "display-popup", "popup"), Wrapper("bcdethwxyS", then=Then.SHELL)),
    },
)
_PLAIN = Wrapper()
_FLAGGED = Wrapper(then=Then.DASHES)

WRAPPERS: Mapping[str, Wrapper] = {
    # The shell's own
    "exec": Wrapper("a"),
    "command": _PLAIN,
    "builtin": _PLAIN,
    "time": Wrapper("fo", _long("format output")),
    "eval": Wrapper(then=Then.SHELL),
    "trap": Wrapper(then=Then.NOTHING),
    "coproc": _PLAIN,
    "then": _PLAIN,
    "do": _PLAIN,
    "else": _PLAIN,
    "!": _PLAIN,
    "{": _PLAIN,
    "noglob": _PLAIN,
    "nocorrect": _PLAIN,
    # coreutils, util-linux and friends
    "env": Wrapper("uCS", _long("unset chdir"), assignments=True, scripts=frozenset({"-S", "--split-string"})),
    "nohup": _PLAIN,
    "timeout": Wrapper("ks", _long("kill-after signal"), operands=1),
    "gtimeout": Wrapper("ks", _long("kill-after signal"), operands=1),
    "nice": Wrapper("n", _long("adjustment")),
    "ionice": Wrapper("cnpPu", _long("class classdata pid")),
    "chrt": Wrapper("TPD", operands=1),
    "stdbuf": Wrapper("ioe", _long("input output error")),
    "unbuffer": _PLAIN,
    "setsid": _PLAIN,
    "taskset": Wrapper(operands=1),
    "numactl": Wrapper("iNmCpwPc", _long("interleave cpunodebind membind physcpubind preferred weighted-interleave")),
    "prlimit": _PLAIN,
    "flock": Wrapper(
        "wEc", _long("wait timeout conflict-exit-code"), operands=1, scripts=frozenset({"-c", "--command"})
    ),
    "script": Wrapper("acEmoIOBT", scripts=frozenset({"-c", "--command"}), then=Then.NOTHING),
    "watch": Wrapper("nq", _long("interval equexit"), then=Then.SHELL),
    "chroot": Wrapper("", _long("userspec groups"), operands=1),
    "unshare": Wrapper("SGRw"),
    "nsenter": Wrapper("tSGrwW", _long("target")),
    "xargs": Wrapper(
        "aEIdLnPs", _long("arg-file delimiter max-args max-chars max-procs process-slot-var replace max-lines")
    ),
    "parallel": Wrapper(
        "jaIPsSELnNdDCx",
        _long(
            "jobs joblog delay timeout retries results tmpdir workdir wd sshlogin sshloginfile env arg-file "
            "delimiter colsep load memfree nice halt max-args max-procs max-replace-args tagstring block"
        ),
        then=Then.SHELL,
        ends=frozenset({":::", "::::", ":::+", "::::+"}),
    ),
    "sem": Wrapper("j", _long("jobs id timeout"), then=Then.SHELL),
    "sudo": Wrapper(
        "CDghpRrtTuU", _long("user group host prompt chdir chroot close-from role type other-user"), assignments=True
    ),
    "doas": Wrapper("Cu"),
    "su": Wrapper("cgGsw", scripts=frozenset({"-c", "--command"}), then=Then.NOTHING),
    "runuser": Wrapper("cgGsuw", scripts=frozenset({"-c", "--command"}), then=Then.DASHES),
    "gosu": Wrapper(operands=1),
    "su-exec": Wrapper(operands=1),
    "tini": Wrapper("pe"),
    "dumb-init": Wrapper("r"),
    "catchsegv": _PLAIN,
    "chronic": _PLAIN,
    "caffeinate": Wrapper("tw"),
    "proxychains": Wrapper("f"),
    "proxychains4": Wrapper("f"),
    "xvfb-run": Wrapper("efnpsw", _long("server-num server-args error-file auth-file")),
    "vglrun": Wrapper("d"),
    "dbus-run-session": _PLAIN,
    "systemd-inhibit": Wrapper("", _long("what who why mode")),
    "systemd-run": Wrapper(
        "pEutHM", _long("unit property description slice uid gid nice working-directory setenv machine")
    ),
    "cgexec": Wrapper("g"),
    "firejail": _PLAIN,
    "strace": Wrapper("aeEobpPsSuX"),
    "gdb": _FLAGGED,
    "valgrind": _PLAIN,
    "retry": _PLAIN,
    "daemonize": Wrapper("aceoplu"),
    "start-stop-daemon": _FLAGGED,
    # Terminals and other machines
    "ssh": Wrapper("BbcDEeFIiJLlmOopPQRSWw", operands=1, then=Then.SHELL),
    "autossh": Wrapper("MBbcDEeFIiJLlmOopQRSWw", operands=1, then=Then.SHELL),
    "mosh": Wrapper("p", _long("ssh port server"), operands=1),
    "pdsh": Wrapper("wxlutfRgG", then=Then.SHELL),
    "tmux": _TMUX,
    "byobu": _TMUX,
    "screen": Wrapper("cehpsStT", _long("Logfile")),
    "kubectl": Wrapper(
        "ncsf",
        _long("namespace context kubeconfig cluster user"),
        subcommands={"exec": _FLAGGED, "run": _FLAGGED, "debug": _FLAGGED},
    ),
    "oc": Wrapper("ncs", subcommands={"exec": _FLAGGED, "run": _FLAGGED}),
    "gcloud": Wrapper(scripts=frozenset({"--command"}), then=Then.DASHES),
    # Batch systems
    "srun": _SLURM,
    "salloc": _SLURM,
    "sbatch": replace(_SLURM, scripts=frozenset({"--wrap"}), then=Then.FILE),
    "bsub": Wrapper(
        "abcCDdeEfFgGiJkLmMnoPpqQRsSTtuUvwW",
        _names(
            "-app -clusters -csm -cwd -data -datagrp -env -eo -Ep -eptl -ext -freq -gpu -hostfile -is -jobaff -jsdl "
            "-jsdl_strict -Lp -mig -network -notify -oo -outdir -pack -ptl -rnc -sla -smt -sp -stage -step_cgroup "
            "-Ut -wa -We -wt"
        ),
        then=Then.SHELL,
        clusters=False,
    ),
    "qsub": Wrapper(
        "aAcCbdeFjJklmMNopPqSStTuvwWy",
        frozenset({"-pe", "", "-wd", "-hold_jid", "-tc", "-sync", "-now", "-ac", "-jc"}),
        then=Then.FILE,
    ),
    "qrsh": Wrapper("lqNPpv", frozenset({"-pe", "-now"})),
    "oarsub": Wrapper("lptqOEnrd", then=Then.SHELL),
    "jsrun": Wrapper(
        "nacgrpbdEkoeiXlLhtM",
        _long("nrs tasks_per_rs cpu_per_rs gpu_per_rs rs_per_host np bind launch_distribution env"),
    ),
    "lrun": Wrapper("nNTW"),
    "aprun": Wrapper("nNdSjLeBF"),
    "flux": Wrapper(subcommands={"run": Wrapper("nNcgtoqx"), "submit": Wrapper("nNcgtoqx")}),
    "ibrun": Wrapper("no"),
    **dict.fromkeys(("mpirun", "mpiexec", "orterun", "mpiexec.hydra", "prun"), _MPI),
    "ts": Wrapper("SgGNLDO"),
    "tsp": Wrapper("SNLD"),
    "pueue": Wrapper(
        subcommands={
            "add": Wrapper("wlgdop", _long("working-directory label group delay after priority"), then=Then.SHELL)
        }
    ),
    "hq": Wrapper(subcommands={"submit": Wrapper("", _long("cpus name resource time-limit cwd array"))}),
    # Environments
    **dict.fromkeys(("conda", "mamba", "micromamba"), _CONDA),
    "uv": Wrapper(
        "",
        _long("project directory config-file cache-dir color"),
        subcommands={"run": _UV_RUN, "tool": Wrapper(subcommands={"run": _UV_RUN})},
    ),
    "uvx": _UV_RUN,
    "pipx": Wrapper(subcommands={"run": Wrapper("", _long("spec python pip-args index-url"))}),
    "poetry": Wrapper("CP", _long("directory project"), subcommands={"run": _PLAIN}),
    "pipenv": Wrapper(subcommands={"run": _PLAIN}),
    "pdm": Wrapper("c", _long("config"), subcommands={"run": Wrapper("sp", _long("project venv"))}),
    "hatch": Wrapper(
        "e",
        _long("env project config"),
        subcommands={"run": _PLAIN, "env": Wrapper(subcommands={"run": Wrapper("efi")})},
    ),
    "rye": Wrapper(subcommands={"run": _PLAIN}),
    "pixi": Wrapper(
        subcommands={
            "run": Wrapper("e", _long("environment manifest-path")),
            "exec": Wrapper("sc", _long("spec channel")),
        }
    ),
    "nix": Wrapper(subcommands=dict.fromkeys(("develop", "shell"), Wrapper("", frozenset({""}), then=Then.DASHES))),
    "nix-shell": Wrapper("pA", scripts=frozenset({"--run", "--command"}), then=Then.NOTHING),
    "guix": Wrapper(subcommands={"shell": _FLAGGED}),
    "direnv": Wrapper(subcommands={"exec": Wrapper(operands=1)}),
    "dotenv": Wrapper("fe", _long("file"), subcommands={"run": _PLAIN}),
    "doppler": Wrapper(subcommands={"run": _FLAGGED}),
    "op": Wrapper(subcommands={"run": _FLAGGED}),
    # Containers
    **dict.fromkeys(("docker", "podman", "nvidia-docker", "nerdctl", "podman-hpc"), _DOCKER),
    "docker-compose": _COMPOSE,
    **dict.fromkeys(("singularity", "apptainer"), _SINGULARITY),
    "enroot": Wrapper(subcommands={"start": Wrapper("cem", _long("conf env mount rc"), operands=1)}),
    "shifter": Wrapper("eiVw", _long("image volume workdir env module")),
    "sarus": Wrapper(subcommands={"run": Wrapper("ew", _long("mount env workdir entrypoint"), operands=1)}),
    "ch-run": Wrapper("bcgu", _long("bind cd set-env"), operands=1),
    "wandb": Wrapper(subcommands={"docker-run": replace(_CONTAINER_RUN, operands=1)}),
    # Python and what starts Python
    **dict.fromkeys(("python", "python2", "python3", "pypy", "pypy3", "py"), _PYTHON),
    "accelerate": Wrapper(
        subcommands={
            "launch": Wrapper(
                "",
                _long(
                    "config_file num_processes num_machines machine_rank main_process_ip main_process_port "
                    "mixed_precision gpu_ids dynamo_backend num_cpu_threads_per_process deepspeed_config_file "
                    "zero_stage"
                ),
                then=Then.MODULE,
            )
        }
    ),
    **dict.fromkeys(
        ("torchrun", "deepspeed"),
        Wrapper(
            "",
            _long(
                "nnodes nproc_per_node nproc-per-node rdzv_backend rdzv_endpoint rdzv_id master_addr master_port "
                "node_rank rdzv-backend rdzv-endpoint rdzv-id master-addr master-port node-rank num_gpus "
                "num_nodes hostfile include"
            ),
            then=Then.MODULE,
        ),
    ),
    "coverage": Wrapper(subcommands={"run": Wrapper("", _long("source omit include rcfile"), then=Then.MODULE)}),
    "nsys": Wrapper(subcommands={"profile": Wrapper("owtdcsyp", _long("output trace duration stats"))}),
    "ncu": Wrapper("ock", _long("set section kernel-name")),
    "perf": Wrapper(subcommands={"stat": Wrapper("eor"), "record": Wrapper("eoFg")}),
    "py-spy": Wrapper(subcommands={"record": _FLAGGED}),
}
"""The wrappers by the name of their program."""

SCRIPT_READERS = frozenset(
    {*SHELLS, "sbatch", "qsub", "bsub", "at", "batch", "ssh", "parallel", "source", ".", "msub", "oarsub"}
)
"""Programs that run what they read on standard input, when no operand tells them otherwise."""
