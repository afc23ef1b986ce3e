// Not ST's code: a UART as QEMU models it, and drivers that return errors. README.md tells what stands for what.

#include <stdbool.h>
#include <string.h>

#include "stm32f4xx_hal.h"

HAL_StatusTypeDef HAL_UART_Init(UART_HandleTypeDef *uart) {
    USART_TypeDef *registers = uart->Instance;
    bool is_on_bus_2 = registers == USART1 || registers == USART6;
    registers->CR1 = 0;
    registers->CR2 = uart->Init.StopBits;
    registers->CR3 = uart->Init.HwFlowCtl;
    uint32_t clock = is_on_bus_2 ? HAL_RCC_GetPCLK2Freq() : HAL_RCC_GetPCLK1Freq();
    LL_USART_SetBaudRate(registers, clock, uart->Init.OverSampling, uart->Init.BaudRate);
    registers->CR1 =
        uart->Init.WordLength | uart->Init.Parity | uart->Init.Mode | uart->Init.OverSampling | USART_CR1_UE;
    return HAL_OK;
}

// Finds the interrupt flags of a DMA stream: RM0090, 10.5. In ST's own file the function is static, and dma.c calls it.
uint32_t DMA_CalcBaseAndBitshift(DMA_HandleTypeDef *dma) {
    static const uint8_t bits[] = { 0, 6, 16, 22 };
    uint32_t address = (uint32_t)dma->Instance;
    uint32_t stream = ((address & 0xFF) - 0x10) / 0x18;
    dma->StreamIndex = bits[stream % 4];
    dma->StreamBaseAddress = (address & ~0x3FF) + (stream < 4 ? 0 : 4);
    return dma->StreamBaseAddress;
}

HAL_StatusTypeDef HAL_SPI_Init(SPI_HandleTypeDef *spi) {
    spi->State = HAL_SPI_STATE_RESET;
    return HAL_ERROR;
}

HAL_StatusTypeDef HAL_SPI_DeInit(SPI_HandleTypeDef *spi) {
    spi->State = HAL_SPI_STATE_RESET;
    return HAL_OK;
}

HAL_StatusTypeDef HAL_SPI_Transmit(SPI_HandleTypeDef *spi, const uint8_t *sent, uint16_t size, uint32_t timeout) {
    return HAL_ERROR;
}

HAL_StatusTypeDef HAL_SPI_Receive(SPI_HandleTypeDef *spi, uint8_t *received, uint16_t size, uint32_t timeout) {
    return HAL_ERROR;
}

HAL_StatusTypeDef HAL_SPI_TransmitReceive(
    SPI_HandleTypeDef *spi, const uint8_t *sent, uint8_t *received, uint16_t size, uint32_t timeout) {
    return HAL_ERROR;
}

HAL_StatusTypeDef HAL_SPI_Transmit_DMA(SPI_HandleTypeDef *spi, const uint8_t *sent, uint16_t size) {
    return HAL_ERROR;
}

HAL_StatusTypeDef HAL_SPI_Receive_DMA(SPI_HandleTypeDef *spi, uint8_t *received, uint16_t size) {
    return HAL_ERROR;
}

HAL_StatusTypeDef HAL_SPI_TransmitReceive_DMA(
    SPI_HandleTypeDef *spi, const uint8_t *sent, uint8_t *received, uint16_t size) {
    return HAL_ERROR;
}

void HAL_SPI_IRQHandler(SPI_HandleTypeDef *spi) {
}

HAL_StatusTypeDef RTC_EnterInitMode(RTC_HandleTypeDef *rtc) {
    return HAL_ERROR;
}

HAL_StatusTypeDef HAL_RTC_SetTime(RTC_HandleTypeDef *rtc, RTC_TimeTypeDef *time, uint32_t format) {
    return HAL_ERROR;
}

HAL_StatusTypeDef HAL_RTC_SetDate(RTC_HandleTypeDef *rtc, RTC_DateTypeDef *date, uint32_t format) {
    return HAL_ERROR;
}

// The port reads the time without looking at the status: it is midnight of January 1, 2000.
HAL_StatusTypeDef HAL_RTC_GetTime(RTC_HandleTypeDef *rtc, RTC_TimeTypeDef *time, uint32_t format) {
    memset(time, 0, sizeof *time);
    return HAL_ERROR;
}

HAL_StatusTypeDef HAL_RTC_GetDate(RTC_HandleTypeDef *rtc, RTC_DateTypeDef *date, uint32_t format) {
    *date = (RTC_DateTypeDef){ .Month = 1, .Date = 1 };
    return HAL_ERROR;
}

HAL_StatusTypeDef HAL_RTCEx_SetSmoothCalib(RTC_HandleTypeDef *rtc, uint32_t period, uint32_t plus, uint32_t minus) {
    return HAL_ERROR;
}

HAL_StatusTypeDef HAL_RTCEx_SetCalibrationOutPut(RTC_HandleTypeDef *rtc, uint32_t output) {
    return HAL_ERROR;
}

HAL_StatusTypeDef HAL_RTCEx_DeactivateCalibrationOutPut(RTC_HandleTypeDef *rtc) {
    return HAL_ERROR;
}
