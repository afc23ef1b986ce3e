// Not ST's code: the vector table (RM0090, 12.2) with the exceptions of the core and the interrupts of TIM2 to TIM5 and of
// the UARTs. All others end in an endless loop.
    .syntax unified
    .cpu cortex-m4
    .thumb

    .section .text.Default_Handler, "ax", %progbits
    .thumb_func
Default_Handler:
    b Default_Handler

// An entry for the port's handler, if it has one.
.macro handler name
    .weak \name
    .thumb_set \name, Default_Handler
    .word \name
.endm

.macro unused interrupts
    .rept \interrupts
    .word Default_Handler
    .endr
.endm

    .section .isr_vector, "a", %progbits
    .global g_pfnVectors
    .type g_pfnVectors, %object
g_pfnVectors:
    .word _estack
    .word Reset_Handler
    handler NMI_Handler
    handler HardFault_Handler
    handler MemManage_Handler
    handler BusFault_Handler
    handler UsageFault_Handler
    .word 0, 0, 0, 0
    handler SVC_Handler
    handler DebugMon_Handler
    .word 0
    handler PendSV_Handler
    handler SysTick_Handler
    unused 28
    handler TIM2_IRQHandler // interrupt 28
    handler TIM3_IRQHandler
    handler TIM4_IRQHandler
    unused 6
    handler USART1_IRQHandler // 37
    handler USART2_IRQHandler
    handler USART3_IRQHandler
    unused 10
    handler TIM5_IRQHandler // 50
    unused 1
    handler UART4_IRQHandler // 52
    handler UART5_IRQHandler
    unused 17
    handler USART6_IRQHandler // 71
    unused 10 // to 81
