"""Finding the type of a file's file system (Linux).

Contract: :func:`file_system_of` never raises; it returns ``None`` if the system does not say.

Strategy: the kernel reports through which mount a file was opened, and lists the mounts.  Device
numbers would not work: btrfs gives every subvolume its own, which is not in the list.
"""

from __future__ import annotations

#: The list of mounts; poll(2) reports changes to it.
MOUNTS = "/proc/self/mountinfo"


def file_system_of(descriptor: int) -> str | None:
    """The type of an open file's file system (``ext4``, ``fuse.sshfs``); ``None`` if unknown."""
    try:
        mount = _mount_of(descriptor)
        with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                # proc_pid_mountinfo(5): the first word is the number; the type follows a dash.
                words, _, rest = line.partition(" - ")
                if words.split(None, 1)[0] == mount:
                    return rest.split(None, 1)[0]
    except (OSError, IndexError):
        pass
    return None


def _mount_of(descriptor: int) -> str | None:
    """The number of an open file's mount; see proc_pid_fdinfo(5)."""
    with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name == "mnt_id":
                return value.strip()
    return None
