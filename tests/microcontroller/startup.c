/* Starts a program on a Cortex-M4 under QEMU: its files and its exit status are
 * the host's (semihosting). */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

extern char data_from[], data_begin[], data_end[], bss_begin[], bss_end[];
extern char stack_top[];
extern void initialise_monitor_handles(void);
extern int main(int argc, char **argv);
void reset(void);

/* What the C library calls at its end. */
void _fini(void);
void _fini(void) {}

static void stop(void)
{
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static void (*const vectors[])(
    void) = { (void (*)(void))stack_top, reset, stop, stop, stop, stop, stop };

void reset(void)
{
    static char name[] = "network", option[] = "--self-test";
    static char *words[] = { name, option, NULL };
    *(volatile uint32_t *)0xe000ed88 |= 0xfu << 20; /* enables the FPU */
    __asm__ volatile("dsb\n\tisb");
    memcpy(data_begin, data_from, (size_t)(data_end - data_begin));
    memset(bss_begin, 0, (size_t)(bss_end - bss_begin));
    initialise_monitor_handles();
    exit(main(2, words));
}
