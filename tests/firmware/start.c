/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Start-up of a Cortex-M4F without a C library's, and printing by semihosting. */
#include "board.h"
#include <stdbool.h>
#include <stddef.h>

/* How deep the stack gets is measured by what is left of this. */
enum { PATTERN = 0x5A5A5A5A };

extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[], stack_top[];
int main(void);
void reset(void);
/* Of the C library, in programs that print by it: opens its standard output, and moves the end of the heap. */
__attribute__((weak)) void initialise_monitor_handles(void);
__attribute__((weak)) void *_sbrk(int bytes);

/* What a core without compare-and-swap asks for: no interrupt in between. They are not nested, and take and give nothing. */
void _critical_section_1_0_acquire(void);
void _critical_section_1_0_release(void);

static bool were_off;

static bool interrupts_are_off(void)
{
    uint32_t mask;
    __asm__ volatile("mrs %0, primask" : "=r"(mask));
    return mask != 0;
}

void _critical_section_1_0_acquire(void)
{
    bool off = interrupts_are_off();
    __asm__ volatile("cpsid i" : : : "memory");
    were_off = off;
}

void _critical_section_1_0_release(void)
{
    if (!were_off) __asm__ volatile("cpsie i" : : : "memory");
}

static void semihosting(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void board_print(const char *text)
{
    semihosting(4 /* SYS_WRITE0 */, text);
}

void board_number(uint32_t number)
{
    char text[11];
    char *at = text + sizeof text;
    *--at = 0;
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    board_print(at);
}

void board_exit(int status)
{
    /* SYS_EXIT_EXTENDED with ADP_Stopped_ApplicationExit. */
    const uint32_t block[2] = { 0x20026, (uint32_t)status };
    semihosting(0x20, block);
    for (;;) { }
}

static void fault(void)
{
    board_print("fault\n");
    board_exit(3);
}

/* Above the heap, which lies below the stack. */
static uint32_t stack_used(void)
{
    const uint32_t *at = _sbrk != NULL ? _sbrk(0) : bss_end;
    while (at < stack_top && *at == PATTERN) at++;
    return (uint32_t)((const char *)stack_top - (const char *)at);
}

void reset(void)
{
    /* The floating-point unit, before anything may use it. */
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20;
    __asm__ volatile("dsb\n isb");
    for (uint32_t *to = data_start, *from = data_load; to < data_end; ) *to++ = *from++;
    for (uint32_t *to = bss_start; to < bss_end; ) *to++ = 0;
    uint32_t *sp;
    __asm__ volatile("mov %0, sp" : "=r"(sp));
    for (uint32_t *to = bss_end; to < sp - 64; ) *to++ = PATTERN;
    if (initialise_monitor_handles != NULL) initialise_monitor_handles();
    int status = main();
    if (interrupts_are_off()) {
        board_print("interrupts stayed off\n");
        status = 4;
    }
    board_print("stack ");
    board_number(stack_used());
    board_print(" bytes\n");
    board_exit(status);
}

/* Where the stack begins and the handlers of the first exceptions. */
static const struct {
    uint32_t *stack;
    void (*handlers[15])(void);
} vectors __attribute__((section(".vectors"), used)) = { stack_top, { reset, fault, fault, fault, fault, fault } };
