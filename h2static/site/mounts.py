"""What kind of file system a file is on (Linux).

Contract: :func:`file_system_of` never raises; where the system does not say, there is no answer.

Strategy: the kernel tells by which mount a file was opened, and lists the mounts.  Device numbers
would not do: btrfs gives every subvolume one of its own, which the list does not have.
"""

from __future__ import annotations

#: The list of mounts; poll(2) says when it has changed.
MOUNTS = "/proc/self/mountinfo"


def file_system_of(descriptor: int) -> str | None:
    """The kind of file system (``ext4``, ``fuse.sshfs``) that an open file is on."""
    try:
        mount = _mount_of(descriptor)
        with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                # proc_pid_mountinfo(5): the first word is the number; the kind follows a dash.
                words, _, rest = line.partition(" - ")
                if words.split(None, 1)[0] == mount:
                    return rest.split(None, 1)[0]
    except (OSError, IndexError):
        pass
    return None


def _mount_of(descriptor: int) -> str | None:
    """The number of the mount; see proc_pid_fdinfo(5)."""
    with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name == "mnt_id":
                return value.strip()
    return None
