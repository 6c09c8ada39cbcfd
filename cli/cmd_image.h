/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_CMD_IMAGE_H
#define CLI_CMD_IMAGE_H

/** `extentsim image`: argv[0] is the command's name. Returns the exit status. */
int cmd_image(int argc, char **argv);

#endif
