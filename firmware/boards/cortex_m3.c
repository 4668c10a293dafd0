/* SPDX-License-Identifier: Apache-2.0 */
/* What every Cortex-M3 has: from reset to main(), stacks, the tick, faults and panics.
 *
 * Two stacks. main() runs on the process stack, which lies at the very beginning of RAM, so that
 * one that grows too far leaves the memory, which is a fault, and meets no data. Interrupts and
 * faults run on a small stack of their own, so the fault can still be told.
 *
 * ARMv7-M Architecture Reference Manual: B1.5 (exceptions), B3.2 (system control), B3.3 (SysTick),
 * B3.5 (memory protection). */
#include <string.h>

#include "firmware/board.h"
#include "firmware/boards/cortex_m3.h"
#include "firmware/console.h"
#include "proa/assert.h"

#define SYST_CSR REGISTER(0xE000E010)
#define SYST_RVR REGISTER(0xE000E014)
#define SYST_CVR REGISTER(0xE000E018)
#define ICSR REGISTER(0xE000ED04)
#define ICSR_PENDSTSET (1U << 26)
#define AIRCR REGISTER(0xE000ED0C)
#define AIRCR_SYSRESETREQ 0x05FA0004U
#define CCR REGISTER(0xE000ED14)
#define CCR_UNALIGN_TRP (1U << 3) /* words are read wherever they lie (ports/mcu/libc) */
#define CCR_DIV_0_TRP (1U << 4)
#define SHCSR REGISTER(0xE000ED24)
#define SHCSR_FAULTS (7U << 16) /* memory, bus and usage faults have handlers of their own */
#define CFSR REGISTER(0xE000ED28)
#define HFSR REGISTER(0xE000ED2C)
#define BFAR REGISTER(0xE000ED38)

#define MPU_CTRL REGISTER(0xE000ED94)
#define MPU_RBAR REGISTER(0xE000ED9C)
#define MPU_RASR REGISTER(0xE000EDA0)
#define MPU_ON 5U /* beside the regions all is as without it */
#define MPU_REGION 0x10U
#define MPU_256_MB (27U << 1 | 1U)
#define MPU_512_MB (28U << 1 | 1U)
#define MPU_NO_ACCESS 0U
#define MPU_DATA 0x13060000U /* read, write, do not execute; normal memory, shared */

#define TICK_HZ 100U
#define TICK_MS (1000U / TICK_HZ)
#define PAINT 0xA5A5A5A5U
#define INTERRUPTS 48

/* From cortex_m3.ld. */
extern uint32_t board_stack[];
extern uint32_t board_stack_top[];
extern uint32_t board_handler_stack_top[];
extern uint8_t board_data_from[];
extern uint8_t board_data[];
extern uint8_t board_data_end[];
extern uint8_t board_bss[];
extern uint8_t board_bss_end[];

static volatile uint32_t ticks; /* wraps after 497 days, see board_now_ms */

int main(void);
void board_reset(void);
void board_fault(void);
__attribute__((used)) _Noreturn void board_start(void);
__attribute__((used)) _Noreturn void board_report(const uint32_t *frame, uint32_t kind);

/* ---- reset ------------------------------------------------------------------------------- */

/* Before the first function with variables: from the handler stack to the process stack. */
__attribute__((naked)) void board_reset(void)
{
    __asm volatile("ldr r0, =board_stack_top\n"
                   "msr psp, r0\n"
                   "movs r0, #2\n"
                   "msr control, r0\n"
                   "isb\n"
                   "b board_start\n"
                   ".ltorg");
}

/* Nothing is in the 256 MB below RAM: where a stack goes that grows too far. Not every bus says so
 * by itself. And nothing in RAM is a program, whoever wrote it there. */
static void protect_memory(void)
{
    MPU_RBAR = 0x10000000U | MPU_REGION | 0;
    MPU_RASR = MPU_NO_ACCESS | MPU_256_MB;
    MPU_RBAR = 0x20000000U | MPU_REGION | 1;
    MPU_RASR = MPU_DATA | MPU_512_MB;
    MPU_CTRL = MPU_ON;
    __asm volatile("dsb\nisb" ::: "memory");
}

_Noreturn void board_start(void)
{
    const volatile uint32_t *here;
    memcpy(board_data, board_data_from, (size_t)(board_data_end - board_data));
    memset(board_bss, 0, (size_t)(board_bss_end - board_bss));
    __asm volatile("mov %0, sp" : "=r"(here));
    for (volatile uint32_t *at = board_stack; at < here; at++) {
        *at = PAINT;
    }
    protect_memory();
    CCR = (CCR & ~CCR_UNALIGN_TRP) | CCR_DIV_0_TRP;
    SHCSR |= SHCSR_FAULTS;
    SYST_RVR = board_clock_hz / TICK_HZ - 1;
    SYST_CVR = 0;
    SYST_CSR = 7; /* the processor's clock, interrupt, on */
    board_open();
    (void)main();
    board_reboot();
}

_Noreturn void board_reboot(void)
{
    console_begin("reboot");
    console_end();
    AIRCR = AIRCR_SYSRESETREQ;
    for (;;) {
    }
}

size_t board_stack_peak(void)
{
    const volatile uint32_t *at = board_stack;
    while (at < board_stack_top && *at == PAINT) {
        at++;
    }
    return (size_t)((const uint8_t *)board_stack_top - (const volatile uint8_t *)at);
}

size_t board_stack_len(void)
{
    return (size_t)((const uint8_t *)board_stack_top - (const uint8_t *)board_stack);
}

/* ---- time -------------------------------------------------------------------------------- */

uint64_t board_now_ms(void)
{
    static uint32_t last;
    static uint64_t wrapped;
    __asm volatile("cpsid i" ::: "memory");
    uint32_t left = SYST_CVR;
    uint32_t now = ticks;
    if ((ICSR & ICSR_PENDSTSET) != 0) { /* it wrapped, and the handler has not counted it */
        left = SYST_CVR;
        now++;
    }
    if (now < last) {
        wrapped += 1ULL << 32;
    }
    last = now;
    __asm volatile("cpsie i" ::: "memory");
    uint32_t past = SYST_RVR - left; /* of this tick */
    return (wrapped + now) * TICK_MS + past / (board_clock_hz / 1000);
}

/* ---- interrupts -------------------------------------------------------------------------- */

static volatile bool happened; /* since the last wait */

static void tick(void)
{
    ticks++;
}

static void interrupt(void)
{
    uint32_t number;
    __asm volatile("mrs %0, ipsr" : "=r"(number));
    happened = true;
    board_interrupt((unsigned)number - 16);
}

/* With interrupts masked the processor still wakes for one, so none falls between test and sleep. */
void board_wait(void)
{
    __asm volatile("cpsid i" ::: "memory");
    if (!happened) {
        __asm volatile("wfi" ::: "memory");
    }
    happened = false;
    __asm volatile("cpsie i" ::: "memory");
}

/* What was typed and not read yet. A byte that finds no room is lost. */
#define TYPED_MAX 128U

static volatile uint8_t typed[TYPED_MAX];
static volatile uint8_t typed_in;
static volatile uint8_t typed_out;

void board_got(uint8_t byte)
{
    uint8_t next = (uint8_t)((typed_in + 1U) % TYPED_MAX);
    if (next != typed_out) {
        typed[typed_in] = byte;
        typed_in = next;
    }
}

int board_get(void)
{
    if (typed_in == typed_out) {
        return -1;
    }
    int byte = typed[typed_out];
    typed_out = (uint8_t)((typed_out + 1U) % TYPED_MAX);
    return byte;
}

/* ---- what must not happen ---------------------------------------------------------------- */

/* The exception frame lies on the stack that was in use. */
__attribute__((naked)) void board_fault(void)
{
    __asm volatile("tst lr, #4\n"
                   "ite eq\n"
                   "mrseq r0, msp\n"
                   "mrsne r0, psp\n"
                   "mrs r1, ipsr\n"
                   "b board_report");
}

/* The frame of a stack that grew too far is not there. */
__attribute__((used)) _Noreturn void board_report(const uint32_t *frame, uint32_t kind)
{
    bool readable = frame >= board_stack && frame + 8 <= (const uint32_t *)(void *)board_bss_end;
    console_begin("fault ");
    console_number(kind);
    console_text(readable ? " at " : " stack overflow");
    if (readable) {
        console_hex(frame[6]);
        console_text(" called from ");
        console_hex(frame[5]);
    }
    console_text(" cfsr ");
    console_hex(CFSR);
    console_text(" hfsr ");
    console_hex(HFSR);
    console_text(" address ");
    console_hex(BFAR);
    console_end();
    board_reboot();
}

_Noreturn void proa_panic(const char *file, int line, const char *condition)
{
    (void)condition;
    __asm volatile("cpsid i" ::: "memory");
    console_begin("panic");
    if (line != 0) {
        console_text(" at line ");
        console_number((uint64_t)line);
        console_text(" of ");
        console_text(file);
    }
    console_text(" called from ");
    console_hex((uint32_t)(uintptr_t)__builtin_return_address(0));
    console_end();
    board_reboot();
}

/* ---- the vector table -------------------------------------------------------------------- */

typedef void (*vector)(void);

/* clang-format off */
#define EIGHT interrupt, interrupt, interrupt, interrupt, interrupt, interrupt, interrupt, interrupt
/* clang-format on */

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    vector exceptions[15];
    vector interrupts[INTERRUPTS];
} vectors = {board_handler_stack_top,
             {board_reset, board_fault, board_fault, board_fault, board_fault, board_fault,
              board_fault, board_fault, board_fault, board_fault, board_fault, board_fault,
              board_fault, board_fault, tick},
             {EIGHT, EIGHT, EIGHT, EIGHT, EIGHT, EIGHT}};

/* ---- no heap ----------------------------------------------------------------------------- */

/* The allocator of the C library stays out of the image: who calls it has made a mistake. */
void *calloc(size_t count, size_t len);
void free(void *block);

void *calloc(size_t count, size_t len)
{
    (void)count;
    (void)len;
    proa_panic("", 0, "");
}

void free(void *block)
{
    (void)block;
    proa_panic("", 0, "");
}
