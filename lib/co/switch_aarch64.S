/*
 * AAPCS64: a flow of control is its stack pointer; on its stack lie, from there upwards, x19 to
 * x30 and d8 to d15.
 */
        .text
        .globl  co_context_switch
        .type   co_context_switch, %function
        .p2align 4
co_context_switch:
        .cfi_startproc
        hint    #34                     /* bti c */
        sub     sp, sp, #160
        .cfi_adjust_cfa_offset 160
        stp     x19, x20, [sp, #0]
        stp     x21, x22, [sp, #16]
        stp     x23, x24, [sp, #32]
        stp     x25, x26, [sp, #48]
        stp     x27, x28, [sp, #64]
        stp     x29, x30, [sp, #80]
        stp     d8, d9, [sp, #96]
        stp     d10, d11, [sp, #112]
        stp     d12, d13, [sp, #128]
        stp     d14, d15, [sp, #144]
        mov     x9, sp
        str     x9, [x0]
        ldr     x9, [x1]
        mov     sp, x9
        ldp     x19, x20, [sp, #0]
        ldp     x21, x22, [sp, #16]
        ldp     x23, x24, [sp, #32]
        ldp     x25, x26, [sp, #48]
        ldp     x27, x28, [sp, #64]
        ldp     x29, x30, [sp, #80]
        ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        add     sp, sp, #160
        .cfi_adjust_cfa_offset -160
        ret
        .cfi_endproc
        .size   co_context_switch, .-co_context_switch

/* void *co_context_floor(context): the stack pointer, which co_context_switch itself has set */
        .globl  co_context_floor
        .type   co_context_floor, %function
        .p2align 4
co_context_floor:
        .cfi_startproc
        hint    #34
        ldr     x0, [x0]
        ret
        .cfi_endproc
        .size   co_context_floor, .-co_context_floor

/* void co_context_make(context, stack_end, size, entry) */
        .globl  co_context_make
        .type   co_context_make, %function
        .p2align 4
co_context_make:
        .cfi_startproc
        hint    #34
        and     x9, x1, #-16
        sub     x9, x9, #160
        stp     x3, xzr, [x9, #0]       /* x19: entry */
        stp     xzr, xzr, [x9, #16]
        stp     xzr, xzr, [x9, #32]
        stp     xzr, xzr, [x9, #48]
        stp     xzr, xzr, [x9, #64]
        adr     x10, start
        stp     xzr, x10, [x9, #80]     /* x29: the end of the chain of frames; x30 */
        stp     xzr, xzr, [x9, #96]
        stp     xzr, xzr, [x9, #112]
        stp     xzr, xzr, [x9, #128]
        stp     xzr, xzr, [x9, #144]
        str     x9, [x0]
        ret
        .cfi_endproc
        .size   co_context_make, .-co_context_make

        .type   start, %function
        .p2align 4
start:
        .cfi_startproc
        .cfi_undefined x30
        blr     x19
        brk     #1
        .cfi_endproc
        .size   start, .-start

        .section .note.GNU-stack, "", %progbits
