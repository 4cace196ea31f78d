"""What people are told who cannot come in."""

HOST = "You may not log in to this host; its administrator can change that."
PLACE = "Your account is not meant for this host or service; ask who manages it."
DISABLED = "Your account is disabled."
FACTOR = "A second factor is needed here, and you have none: set one up in your account settings."
AWAY = "The login server cannot be asked now."
BUSY = "Too many tries: try again later."
