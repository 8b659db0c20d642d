# The rooms of src/kernel/isa are compiled once per instruction set and element
# type, each time under other names (see src/kernel/isa/isa.h). A set has its
# flags, what a machine needs for it in words, and the test for that.
set(FOVEA_ISAS ref)
set(FOVEA_FLAGS_ref -O2 -DFV_PLAIN=1)
set(FOVEA_NEEDS_ref "nothing")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  if(FOVEA_WIDE)
    list(APPEND FOVEA_ISAS wide) # avx2 runs where it does: never the best
    set(FOVEA_FLAGS_wide -O2 -DFV_PLAIN=1 -mavx2 -mfma -Wno-psabi)
    set(FOVEA_NEEDS_wide "AVX2 and FMA")
    set(FOVEA_CPU_wide avx2 fma)
  endif()
  list(APPEND FOVEA_ISAS avx2 avx512)
  set(FOVEA_FLAGS_avx2 -mavx2 -mfma)
  set(FOVEA_NEEDS_avx2 "AVX2 and FMA")
  set(FOVEA_CPU_avx2 avx2 fma)
  set(FOVEA_FLAGS_avx512 -mavx512f -mavx512vl -mavx512dq -mavx512bw -mfma
    -mprefer-vector-width=512)
  set(FOVEA_NEEDS_avx512 "AVX-512")
  set(FOVEA_CPU_avx512 avx512f avx512vl avx512dq avx512bw fma)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
  list(APPEND FOVEA_ISAS neon)
  set(FOVEA_FLAGS_neon "")
  set(FOVEA_NEEDS_neon "nothing")
endif()

# Under a sanitizer, whose checks would be unrolled too, loops stay loops.
if(FOVEA_SANITIZE)
  set(FOVEA_FLAGS_sanitized -O1 -DFV_PLAIN=1)
endif()

file(GLOB FOVEA_ISA_SOURCES CONFIGURE_DEPENDS src/kernel/isa/*.c)
set(FOVEA_KERNEL_OBJECTS "")
set(tables "")
foreach(isa IN LISTS FOVEA_ISAS)
  foreach(dtype f32 f64)
    set(kernels fovea_kernels_${isa}_${dtype})
    add_library(${kernels} OBJECT ${FOVEA_ISA_SOURCES})
    target_compile_definitions(${kernels} PRIVATE FV_ISA=${isa}
      FV_ISA_IS_${isa}=1 FV_DTYPE=${dtype} FV_DTYPE_IS_${dtype}=1)
    target_compile_options(${kernels} PRIVATE -std=gnu17 -O3
      -fno-math-errno -fno-trapping-math ${FOVEA_FLAGS_${isa}}
      ${FOVEA_FLAGS_sanitized}
      $<$<C_COMPILER_ID:Clang>:-Wno-pass-failed>) # a loop may stay a loop
    target_link_libraries(${kernels} PRIVATE fovea_settings fovea_depends)
    list(APPEND FOVEA_KERNEL_OBJECTS $<TARGET_OBJECTS:${kernels}>)
  endforeach()

  set(lacks "0")
  foreach(feature IN LISTS FOVEA_CPU_${isa})
    string(APPEND lacks " + !__builtin_cpu_supports(\"${feature}\")")
  endforeach()
  string(APPEND tables
    " \\\n    X(${isa}, \"${FOVEA_NEEDS_${isa}}\", ${lacks})")
endforeach()

# src/kernel/dispatch.c learns from this header which tables there are.
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/kernel/tables.h CONTENT
"/* Made by cmake/kernels.cmake. */
#define FV__TABLES(X)${tables}
" @ONLY)
target_include_directories(fovea_depends INTERFACE
  ${PROJECT_BINARY_DIR}/generated)
