"""The types of ASGI 3.

Scopes and messages are dictionaries that applications read and write as they like: their values
have no narrower type.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

# Any: what an application finds under a key depends on the key, and it writes what it wants.
Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiCallable: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
