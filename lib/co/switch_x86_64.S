/*
 * System V AMD64: a flow of control is its stack pointer; on its stack lie, from there upwards,
 * MXCSR and x87 control word (8 bytes), r15, r14, r13, r12, rbx, rbp, return address.
 */
#ifdef __CET__
#include <cet.h>
#endif

        .text
        .globl  co_context_switch
        .type   co_context_switch, @function
        .p2align 4
co_context_switch:
        .cfi_startproc
        endbr64
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        stmxcsr (%rsp)
        fnstcw  4(%rsp)
        movq    %rsp, (%rdi)
        movq    (%rsi), %rsp
        ldmxcsr (%rsp)
        fldcw   4(%rsp)
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq    %r15
        .cfi_adjust_cfa_offset -8
        popq    %r14
        .cfi_adjust_cfa_offset -8
        popq    %r13
        .cfi_adjust_cfa_offset -8
        popq    %r12
        .cfi_adjust_cfa_offset -8
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        ret
        .cfi_endproc
        .size   co_context_switch, .-co_context_switch

/* void *co_context_floor(context): the stack pointer, which co_context_switch itself has set */
        .globl  co_context_floor
        .type   co_context_floor, @function
        .p2align 4
co_context_floor:
        .cfi_startproc
        endbr64
        movq    (%rdi), %rax
        ret
        .cfi_endproc
        .size   co_context_floor, .-co_context_floor

/* void co_context_make(context, stack_end, size, entry) */
        .globl  co_context_make
        .type   co_context_make, @function
        .p2align 4
co_context_make:
        .cfi_startproc
        endbr64
        andq    $-16, %rsi
        leaq    -80(%rsi), %rax
        stmxcsr (%rax)
        fnstcw  4(%rax)
        movq    $0, 8(%rax)
        movq    $0, 16(%rax)
        movq    $0, 24(%rax)
        movq    %rcx, 32(%rax)          /* r12: entry */
        movq    $0, 40(%rax)
        movq    $0, 48(%rax)            /* rbp: the end of the chain of frames */
        leaq    start(%rip), %rdx
        movq    %rdx, 56(%rax)
        movq    $0, 64(%rax)            /* where the stack pointer is at start: 16-aligned */
        movq    $0, 72(%rax)
        movq    %rax, (%rdi)
        ret
        .cfi_endproc
        .size   co_context_make, .-co_context_make

        .type   start, @function
        .p2align 4
start:
        .cfi_startproc
        .cfi_undefined rip
        call    *%r12
        ud2
        .cfi_endproc
        .size   start, .-start

        .section .note.GNU-stack, "", @progbits
