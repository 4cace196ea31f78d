/*
 * The lines of an account document that sshd will read as authorized_keys (sshd(8)). A line is
 * checked so strictly that sshd cannot take it for anything but what it was taken for here: a
 * public key of a kind that OpenSSH 9.2 accepts, with none but options that narrow what the key may
 * do, or that give back what "restrict" took.
 */
#pragma once

/* NULL for one whole line, without its newline, that is right: [options] type base64 [comment].
 * Else a sentence that says what would be right, lives for ever and quotes nothing. */
const char *key_line_fault(const char *line);
