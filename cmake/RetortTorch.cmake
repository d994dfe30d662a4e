# Imported targets for the libtorch inside an official Python wheel. Never find_package(Torch): it asks for a CUDA toolkit.
set(header "${RETORT_TORCH_ROOT}/include/torch/headeronly/version.h")
if(NOT EXISTS "${header}")
  message(FATAL_ERROR "No libtorch in ${RETORT_TORCH_ROOT}: torch/headeronly/version.h is missing. "
    "Run packaging/setup, or pass -DRETORT_TORCH_ROOT=<site-packages/torch of torch 2.11 or newer>, or -DRETORT_BUILD_ENGINE=OFF.")
endif()
file(STRINGS "${header}" lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
string(REGEX REPLACE ".*TORCH_VERSION_MAJOR ([0-9]+).*" "\\1" major "${lines}")
string(REGEX REPLACE ".*TORCH_VERSION_MINOR ([0-9]+).*" "\\1" minor "${lines}")
string(REGEX REPLACE ".*TORCH_VERSION_PATCH ([0-9]+).*" "\\1" patch "${lines}")
set(RETORT_TORCH_VERSION "${major}.${minor}.${patch}")
if(RETORT_TORCH_VERSION VERSION_LESS 2.11)
  message(FATAL_ERROR "libtorch ${RETORT_TORCH_VERSION} in ${RETORT_TORCH_ROOT} is too old: Retort needs 2.11 or newer "
    "and is tested with 2.13.0. Install it with: pip install torch==2.13.0")
endif()
if(NOT RETORT_TORCH_VERSION VERSION_EQUAL 2.13.0)
  message(STATUS "libtorch ${RETORT_TORCH_VERSION}: Retort is tested with 2.13.0 (pip install torch==2.13.0)")
endif()
file(STRINGS "${RETORT_TORCH_ROOT}/lib/libc10.so" abi REGEX "cxx11" LIMIT_COUNT 1)
if(NOT abi)
  message(FATAL_ERROR "${RETORT_TORCH_ROOT}/lib/libc10.so was built with the old C++ ABI. Get the official wheel: pip install torch==2.13.0")
endif()
message(STATUS "libtorch ${RETORT_TORCH_VERSION} in ${RETORT_TORCH_ROOT}")

foreach(part c10 torch_cpu)
  add_library(retort::${part} SHARED IMPORTED GLOBAL)
  set_target_properties(retort::${part} PROPERTIES
    IMPORTED_LOCATION "${RETORT_TORCH_ROOT}/lib/lib${part}.so"
    INTERFACE_INCLUDE_DIRECTORIES "${RETORT_TORCH_ROOT}/include;${RETORT_TORCH_ROOT}/include/torch/csrc/api/include")
endforeach()
add_library(retort::torch INTERFACE IMPORTED GLOBAL)
set_target_properties(retort::torch PROPERTIES INTERFACE_LINK_LIBRARIES "retort::torch_cpu;retort::c10")
