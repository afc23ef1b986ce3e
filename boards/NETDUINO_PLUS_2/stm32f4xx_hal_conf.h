// Configures ST's HAL: the parts that its npm package has, and stand-ins for others that the port's files name.
#ifndef PHYSMEM_NETDUINO_PLUS_2_HAL_CONF_H
#define PHYSMEM_NETDUINO_PLUS_2_HAL_CONF_H

#define HAL_MODULE_ENABLED
#define HAL_CORTEX_MODULE_ENABLED
#define HAL_DMA_MODULE_ENABLED
#define HAL_EXTI_MODULE_ENABLED
#define HAL_FLASH_MODULE_ENABLED
#define HAL_GPIO_MODULE_ENABLED
#define HAL_PWR_MODULE_ENABLED
#define HAL_RCC_MODULE_ENABLED
#define HAL_TIM_MODULE_ENABLED

// Hz
#define HSE_VALUE (25000000)
#define HSI_VALUE (16000000)
#define LSE_VALUE (32768)
#define LSI_VALUE (32000)
#define EXTERNAL_CLOCK_VALUE (12288000)

// Milliseconds
#define HSE_STARTUP_TIMEOUT (100)
#define LSE_STARTUP_TIMEOUT (5000)

#define VDD_VALUE (3300) // millivolts
#define TICK_INT_PRIORITY (0x00)
#define DATA_CACHE_ENABLE (1)
#define INSTRUCTION_CACHE_ENABLE (1)
#define PREFETCH_ENABLE (1)
#define USE_RTOS (0)

#include "stm32f4xx_hal_rcc.h"
#include "stm32f4xx_hal_gpio.h"
#include "stm32f4xx_hal_exti.h"
#include "stm32f4xx_hal_dma.h"
#include "stm32f4xx_hal_cortex.h"
#include "stm32f4xx_hal_flash.h"
#include "stm32f4xx_hal_pwr.h"
#include "stm32f4xx_hal_tim.h"
#include "hal_stand_ins.h"

#define assert_param(expression) ((void)0)

#endif
