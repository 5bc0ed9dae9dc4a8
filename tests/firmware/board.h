/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What start.c offers to the test programs. */
#ifndef BOARD_H
#define BOARD_H
#include <stdint.h>

void board_print(const char *text);
void board_number(uint32_t number);
void board_exit(int status);
#endif
