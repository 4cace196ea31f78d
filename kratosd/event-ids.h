/*
 * The MESSAGE_ID of every event that kratosd writes to the journal. An id never changes its meaning
 * and never stands for another event: administrators filter and alert on it. Nobody owns these
 * constants; doc/journal.md is their other half, and a test holds the two together.
 */
#pragma once

/* Kratos said yes to this very attempt, and PAM is told so. */
#define EVENT_ID_LOGIN_GRANTED "0ac0f439a0cf4cb698a55e4de45af8c1"

/* A login was refused; KRATOSD_REASON says why. */
#define EVENT_ID_LOGIN_REFUSED "6bac1549ee7c4f688646151c689d49b1"

/* A login within an open session renewed that one's Kratos session, and made no other. */
#define EVENT_ID_SESSION_RENEWED "f446efcfb662432587d28fd00aee1ec9"

/* A granted login became a session on this host. */
#define EVENT_ID_SESSION_OPENED "660e31ead95041d8bd8fdcfa4704c9cd"

/* That session ended on this host. */
#define EVENT_ID_SESSION_CLOSED "1589ed5748f84fda8c79d9c01a06d29e"

/* Kratos confirmed that the Kratos session is gone. */
#define EVENT_ID_SESSION_REVOKED "d44a13407bcb4910920f2fd0cad3da02"

/* Kratos could not be told now that a session is over; kratosd asks again by itself. */
#define EVENT_ID_REVOCATION_POSTPONED "260946e6a09a4f2a9c4b30c798560235"

/* A person has changed their password at Kratos, through this host. */
#define EVENT_ID_PASSWORD_CHANGED "d0c7d1d3a1ff4e9a8b2c5bb1a64f0e37"

/* A new password was not taken, or nobody knows whether it was; KRATOSD_REASON says why. */
#define EVENT_ID_PASSWORD_REFUSED "5f0b9b4e6d3a4c5e97d1a3f27c8b6e10"
