# The rooms of src/kernel/isa are compiled once per instruction set and element
# type, each time under other names (see src/kernel/isa/isa.h).
set(FOVEA_ISAS ref)
set(FOVEA_FLAGS_ref "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND FOVEA_ISAS avx2 avx512)
  set(FOVEA_FLAGS_avx2 -mavx2 -mfma)
  set(FOVEA_FLAGS_avx512 -mavx512f -mavx512vl -mavx512dq -mavx512bw -mfma
    -mprefer-vector-width=512)
endif()

file(GLOB FOVEA_ISA_SOURCES CONFIGURE_DEPENDS src/kernel/isa/*.c)
set(FOVEA_KERNEL_OBJECTS "")
if(NOT FOVEA_ISA_SOURCES)
  set(FOVEA_ISAS "")
endif()
foreach(isa IN LISTS FOVEA_ISAS)
  foreach(dtype f32 f64)
    set(kernels fovea_kernels_${isa}_${dtype})
    add_library(${kernels} OBJECT ${FOVEA_ISA_SOURCES})
    target_compile_definitions(${kernels} PRIVATE FV_ISA=${isa}
      FV_DTYPE=${dtype} FV_DTYPE_IS_${dtype}=1)
    target_compile_options(${kernels} PRIVATE -std=gnu17 -O3
      -fno-math-errno -fno-trapping-math ${FOVEA_FLAGS_${isa}})
    target_link_libraries(${kernels} PRIVATE fovea_settings fovea_depends)
    list(APPEND FOVEA_KERNEL_OBJECTS $<TARGET_OBJECTS:${kernels}>)
  endforeach()
endforeach()
