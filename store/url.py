"""Addresses of Redis servers, as they may be shown."""

import re


def public(url: str) -> str:
    """The address without the password that may be in it: for screens, logs and the file."""
    return re.sub(r"([?&]password=)[^&]*", r"\1***", re.sub(r"(://[^:/@]*:)[^?]*@", r"\1***@", url))
