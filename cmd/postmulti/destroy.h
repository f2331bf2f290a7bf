/*
 * Removing the files of an instance, and only what the mail system made.
 */
#pragma once

struct instance;

/* Ends the program when the instance runs or its queue has messages. */
void destroy_check(const struct instance *instance);

/* Remove its files and directories; a warning for each directory where something else is left.
 */
void destroy_files(const struct instance *instance);
