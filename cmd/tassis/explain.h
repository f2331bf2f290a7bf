/*
 * tassis explain: what would become of an address, or of a client's attempt. The programs that
 * decide about real mail are started to think aloud; no mail is sent.
 */
#pragma once

#include "base/compiler.h"

/*
 * "explain [--sender ADDRESS] ADDRESS" or "explain --from IP [--helo NAME] [--service NAME]
 * SENDER RECIPIENT"; argv[0] is the verb. The exit status.
 */
int explain(int argc, char **argv);
