// Not ST's code: the types, constants and functions of ST's drivers for UART, SPI, I2C, RTC and ADC that the port's
// files name and the npm package lacks. Values are those of the registers (RM0090). README.md tells what works.
#ifndef PHYSMEM_HAL_STAND_INS_H
#define PHYSMEM_HAL_STAND_INS_H

#include "stm32f4xx_hal_def.h"
#include "stm32f4xx_hal_dma.h"

// UART

typedef struct {
    uint32_t BaudRate;
    uint32_t WordLength;
    uint32_t StopBits;
    uint32_t Parity;
    uint32_t Mode;
    uint32_t HwFlowCtl;
    uint32_t OverSampling;
} UART_InitTypeDef;

typedef struct {
    USART_TypeDef *Instance;
    UART_InitTypeDef Init;
} UART_HandleTypeDef;

#define UART_WORDLENGTH_8B (0)
#define UART_WORDLENGTH_9B USART_CR1_M
#define UART_STOPBITS_1 (0)
#define UART_STOPBITS_2 USART_CR2_STOP_1
#define UART_PARITY_NONE (0)
#define UART_PARITY_EVEN USART_CR1_PCE
#define UART_PARITY_ODD (USART_CR1_PCE | USART_CR1_PS)
#define UART_HWCONTROL_NONE (0)
#define UART_HWCONTROL_RTS USART_CR3_RTSE
#define UART_HWCONTROL_CTS USART_CR3_CTSE
#define UART_MODE_RX USART_CR1_RE
#define UART_MODE_TX_RX (USART_CR1_RE | USART_CR1_TE)
#define UART_OVERSAMPLING_16 (0)
#define UART_FLAG_CTS USART_SR_CTS
#define UART_FLAG_TXE USART_SR_TXE
#define UART_FLAG_TC USART_SR_TC
#define UART_FLAG_RXNE USART_SR_RXNE
#define UART_FLAG_IDLE USART_SR_IDLE
#define UART_FLAG_ORE USART_SR_ORE
#define UART_FLAG_PE USART_SR_PE

HAL_StatusTypeDef HAL_UART_Init(UART_HandleTypeDef *uart);

#define LL_USART_OVERSAMPLING_16 (0)

static inline void LL_USART_SetBaudRate(USART_TypeDef *uart, uint32_t clock, uint32_t oversampling, uint32_t baud) {
    (void)oversampling;
    uart->BRR = (clock + baud / 2) / baud;
}

static inline uint32_t LL_USART_GetBaudRate(USART_TypeDef *uart, uint32_t clock, uint32_t oversampling) {
    (void)oversampling;
    return uart->BRR ? clock / uart->BRR : 0;
}

// SPI

typedef struct {
    uint32_t Mode;
    uint32_t Direction;
    uint32_t DataSize;
    uint32_t CLKPolarity;
    uint32_t CLKPhase;
    uint32_t NSS;
    uint32_t BaudRatePrescaler;
    uint32_t FirstBit;
    uint32_t TIMode;
    uint32_t CRCCalculation;
    uint32_t CRCPolynomial;
} SPI_InitTypeDef;

typedef enum { HAL_SPI_STATE_RESET, HAL_SPI_STATE_READY } HAL_SPI_StateTypeDef;

typedef struct {
    SPI_TypeDef *Instance;
    SPI_InitTypeDef Init;
    DMA_HandleTypeDef *hdmatx;
    DMA_HandleTypeDef *hdmarx;
    volatile HAL_SPI_StateTypeDef State;
} SPI_HandleTypeDef;

#define SPI_MODE_SLAVE (0)
#define SPI_MODE_MASTER (SPI_CR1_MSTR | SPI_CR1_SSI)
#define SPI_DIRECTION_2LINES (0)
#define SPI_DATASIZE_8BIT (0)
#define SPI_DATASIZE_16BIT SPI_CR1_DFF
#define SPI_POLARITY_LOW (0)
#define SPI_POLARITY_HIGH SPI_CR1_CPOL
#define SPI_PHASE_1EDGE (0)
#define SPI_PHASE_2EDGE SPI_CR1_CPHA
#define SPI_NSS_SOFT SPI_CR1_SSM
#define SPI_NSS_HARD_INPUT (0)
#define SPI_BAUDRATEPRESCALER_2 (0 << SPI_CR1_BR_Pos)
#define SPI_BAUDRATEPRESCALER_4 (1 << SPI_CR1_BR_Pos)
#define SPI_BAUDRATEPRESCALER_8 (2 << SPI_CR1_BR_Pos)
#define SPI_BAUDRATEPRESCALER_16 (3 << SPI_CR1_BR_Pos)
#define SPI_BAUDRATEPRESCALER_32 (4 << SPI_CR1_BR_Pos)
#define SPI_BAUDRATEPRESCALER_64 (5 << SPI_CR1_BR_Pos)
#define SPI_BAUDRATEPRESCALER_128 (6 << SPI_CR1_BR_Pos)
#define SPI_BAUDRATEPRESCALER_256 (7 << SPI_CR1_BR_Pos)
#define SPI_FIRSTBIT_MSB (0)
#define SPI_FIRSTBIT_LSB SPI_CR1_LSBFIRST
#define SPI_TIMODE_DISABLE (0)
#define SPI_TIMODE_ENABLE SPI_CR2_FRF
#define SPI_CRCCALCULATION_DISABLE (0)
#define SPI_CRCCALCULATION_ENABLE SPI_CR1_CRCEN
#define HAL_SPI_GetState(spi) ((spi)->State)

HAL_StatusTypeDef HAL_SPI_Init(SPI_HandleTypeDef *spi);
HAL_StatusTypeDef HAL_SPI_DeInit(SPI_HandleTypeDef *spi);
HAL_StatusTypeDef HAL_SPI_Transmit(SPI_HandleTypeDef *spi, const uint8_t *sent, uint16_t size, uint32_t timeout);
HAL_StatusTypeDef HAL_SPI_Receive(SPI_HandleTypeDef *spi, uint8_t *received, uint16_t size, uint32_t timeout);
HAL_StatusTypeDef HAL_SPI_TransmitReceive(
    SPI_HandleTypeDef *spi, const uint8_t *sent, uint8_t *received, uint16_t size, uint32_t timeout);
HAL_StatusTypeDef HAL_SPI_Transmit_DMA(SPI_HandleTypeDef *spi, const uint8_t *sent, uint16_t size);
HAL_StatusTypeDef HAL_SPI_Receive_DMA(SPI_HandleTypeDef *spi, uint8_t *received, uint16_t size);
HAL_StatusTypeDef HAL_SPI_TransmitReceive_DMA(
    SPI_HandleTypeDef *spi, const uint8_t *sent, uint8_t *received, uint16_t size);
void HAL_SPI_IRQHandler(SPI_HandleTypeDef *spi);

// I2C

typedef struct {
    I2C_TypeDef *Instance;
} I2C_HandleTypeDef;

// RTC

typedef enum {
    HAL_RTC_STATE_RESET,
    HAL_RTC_STATE_READY,
    HAL_RTC_STATE_BUSY,
    HAL_RTC_STATE_TIMEOUT,
    HAL_RTC_STATE_ERROR
} HAL_RTCStateTypeDef;

typedef struct {
    uint32_t HourFormat;
    uint32_t AsynchPrediv;
    uint32_t SynchPrediv;
    uint32_t OutPut;
    uint32_t OutPutPolarity;
    uint32_t OutPutType;
} RTC_InitTypeDef;

typedef struct {
    RTC_TypeDef *Instance;
    RTC_InitTypeDef Init;
    HAL_LockTypeDef Lock;
    volatile HAL_RTCStateTypeDef State;
} RTC_HandleTypeDef;

typedef struct {
    uint8_t Hours;
    uint8_t Minutes;
    uint8_t Seconds;
    uint8_t TimeFormat;
    uint32_t SubSeconds;
    uint32_t SecondFraction;
    uint32_t DayLightSaving;
    uint32_t StoreOperation;
} RTC_TimeTypeDef;

typedef struct {
    uint8_t WeekDay;
    uint8_t Month;
    uint8_t Date;
    uint8_t Year;
} RTC_DateTypeDef;

#define RTC_HOURFORMAT_24 (0)
#define RTC_HOURFORMAT12_AM (0)
#define RTC_OUTPUT_DISABLE (0)
#define RTC_OUTPUT_POLARITY_HIGH (0)
#define RTC_OUTPUT_TYPE_OPENDRAIN (0)
#define RTC_FORMAT_BIN (0)
#define RTC_DAYLIGHTSAVING_NONE (0)
#define RTC_STOREOPERATION_SET RTC_CR_BKP
#define RTC_STOREOPERATION_RESET (0)
#define RTC_MONTH_JANUARY (1)
#define RTC_WEEKDAY_THURSDAY (4)
#define RTC_TIMEOUT_VALUE (1000)
#define RTC_SMOOTHCALIB_PERIOD_32SEC (0)
#define RTC_SMOOTHCALIB_PLUSPULSES_SET RTC_CALR_CALP
#define RTC_SMOOTHCALIB_PLUSPULSES_RESET (0)
#define RTC_CALIBOUTPUT_512HZ (0)
#define __HAL_RTC_WRITEPROTECTION_DISABLE(rtc) LL_RTC_DisableWriteProtection((rtc)->Instance)
#define __HAL_RTC_WRITEPROTECTION_ENABLE(rtc) LL_RTC_EnableWriteProtection((rtc)->Instance)

HAL_StatusTypeDef RTC_EnterInitMode(RTC_HandleTypeDef *rtc);
HAL_StatusTypeDef HAL_RTC_SetTime(RTC_HandleTypeDef *rtc, RTC_TimeTypeDef *time, uint32_t format);
HAL_StatusTypeDef HAL_RTC_GetTime(RTC_HandleTypeDef *rtc, RTC_TimeTypeDef *time, uint32_t format);
HAL_StatusTypeDef HAL_RTC_SetDate(RTC_HandleTypeDef *rtc, RTC_DateTypeDef *date, uint32_t format);
HAL_StatusTypeDef HAL_RTC_GetDate(RTC_HandleTypeDef *rtc, RTC_DateTypeDef *date, uint32_t format);
HAL_StatusTypeDef HAL_RTCEx_SetSmoothCalib(RTC_HandleTypeDef *rtc, uint32_t period, uint32_t plus, uint32_t minus);
HAL_StatusTypeDef HAL_RTCEx_SetCalibrationOutPut(RTC_HandleTypeDef *rtc, uint32_t output);
HAL_StatusTypeDef HAL_RTCEx_DeactivateCalibrationOutPut(RTC_HandleTypeDef *rtc);

static inline void LL_RTC_DisableWriteProtection(RTC_TypeDef *rtc) {
    rtc->WPR = 0xCA;
    rtc->WPR = 0x53;
}

static inline void LL_RTC_EnableWriteProtection(RTC_TypeDef *rtc) {
    rtc->WPR = 0xFF;
}

static inline void LL_RTC_EnableInitMode(RTC_TypeDef *rtc) {
    rtc->ISR = 0xFFFFFFFF;
}

static inline void LL_RTC_DisableInitMode(RTC_TypeDef *rtc) {
    rtc->ISR = ~RTC_ISR_INIT;
}

static inline uint32_t LL_RTC_IsActiveFlag_INIT(RTC_TypeDef *rtc) {
    return (rtc->ISR & RTC_ISR_INITF) != 0;
}

static inline uint32_t LL_RTC_IsActiveFlag_WUTW(RTC_TypeDef *rtc) {
    return (rtc->ISR & RTC_ISR_WUTWF) != 0;
}

static inline uint32_t LL_RTC_GetSynchPrescaler(RTC_TypeDef *rtc) {
    return rtc->PRER & RTC_PRER_PREDIV_S;
}

static inline uint32_t LL_RTC_GetAsynchPrescaler(RTC_TypeDef *rtc) {
    return (rtc->PRER & RTC_PRER_PREDIV_A) >> RTC_PRER_PREDIV_A_Pos;
}

static inline void LL_RTC_SetSynchPrescaler(RTC_TypeDef *rtc, uint32_t divisor) {
    rtc->PRER = (rtc->PRER & ~RTC_PRER_PREDIV_S) | divisor;
}

static inline void LL_RTC_SetAsynchPrescaler(RTC_TypeDef *rtc, uint32_t divisor) {
    rtc->PRER = (rtc->PRER & ~RTC_PRER_PREDIV_A) | divisor << RTC_PRER_PREDIV_A_Pos;
}

// ADC

#define ADC_SAMPLETIME_15CYCLES (1)
#define ADC_SAMPLETIME_480CYCLES (7)
#define ADC_CHANNEL_TEMPSENSOR (16)
#define ADC_CHANNEL_VREFINT (17)
#define ADC_CHANNEL_VBAT (18)
#define ADC_TEMPSENSOR_DELAY_US (10)
#define ADC_STAB_DELAY_US (3)
#define ADC_COMMON_REGISTER(adc) ADC123_COMMON
#define LL_ADC_PATH_INTERNAL_VBAT ADC_CCR_VBATE
#define LL_ADC_PATH_INTERNAL_VREFINT ADC_CCR_TSVREFE
#define LL_ADC_PATH_INTERNAL_TEMPSENSOR ADC_CCR_TSVREFE

// The window watchdog's clock

#define LL_APB1_GRP1_PERIPH_WWDG RCC_APB1ENR_WWDGEN
static inline void LL_APB1_GRP1_EnableClock(uint32_t peripherals) {
    RCC->APB1ENR |= peripherals;
}

#endif
