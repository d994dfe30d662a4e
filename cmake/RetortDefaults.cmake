# Compiler settings shared by all of Retort's own targets, kept on interface targets so that third-party code inherits none.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
# One set of debug flags whatever cache a build folder has, so that builds share compiled files.
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")
find_program(RETORT_CCACHE ccache)
if(RETORT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${RETORT_CCACHE}")
endif()
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

# Torch and Qt need much memory a file: at most two of torch's at once.
set_property(GLOBAL APPEND PROPERTY JOB_POOLS torch=2)

add_library(retort_options INTERFACE)
target_include_directories(retort_options INTERFACE "${CMAKE_SOURCE_DIR}" "${CMAKE_SOURCE_DIR}/core")
target_compile_definitions(retort_options INTERFACE RETORT_VERSION="${PROJECT_VERSION}")
target_compile_options(retort_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wno-missing-field-initializers
  $<$<CXX_COMPILER_ID:GNU>:-Wno-dangling-reference> $<$<BOOL:${RETORT_WERROR}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  set_property(TARGET retort_options PROPERTY INTERFACE_COMPILE_OPTIONS
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wno-missing-field-initializers $<$<BOOL:${RETORT_WERROR}>:-Werror>)
endif()
if(RETORT_SANITIZE)
  target_compile_options(retort_options INTERFACE -fsanitize=${RETORT_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(retort_options INTERFACE -fsanitize=${RETORT_SANITIZE})
endif()
if(RETORT_BUILD_FUZZERS)
  target_compile_options(retort_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
