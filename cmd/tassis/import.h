/*
 * tassis import: taking over from a Postfix, and the way back.
 */
#pragma once

/*
 * "import [-n] [DIR]" takes over the configuration in DIR (/etc/postfix) and its queue; where
 * they are ours already, nothing has to be moved. "import --back [-n] [DIR]" returns the queue.
 * argv[0] is the verb; program is the name in the log. The exit status.
 */
int import(int argc, char **argv, const char *program);
