# Compile flags of our own code, and the two helpers that declare a module and a test.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(STILLWATCH_SANITIZE "" CACHE STRING "Sanitizers of our own code, as -fsanitize takes them")

add_library(stillwatch_flags INTERFACE)
target_include_directories(stillwatch_flags INTERFACE ${PROJECT_SOURCE_DIR})
# -ffp-contract=off: a fused multiply-add rounds once instead of twice, so a score would depend on the CPU.
target_compile_options(stillwatch_flags INTERFACE
  -pthread -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi -Werror -ffp-contract=off
  # GCC 12 warns of overlaps in std::string's operator+ that are none (GCC bug 105651), and, with a precompiled header,
  # no longer knows that they are a system header's.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict;-Wno-array-bounds;-Wno-stringop-overflow;-Wno-stringop-overread>)
if(STILLWATCH_SANITIZE)
  target_compile_options(stillwatch_flags INTERFACE
    -fsanitize=${STILLWATCH_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(stillwatch_flags INTERFACE -fsanitize=${STILLWATCH_SANITIZE})
  # GCC tests each use of each pointer for these three: a third of all compile time. Null pointers and objects that are
  # gone trap all the same, and the fuzz preset (clang) tests the decoders, which read bytes, for all of them.
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND STILLWATCH_SANITIZE MATCHES undefined)
    target_compile_options(stillwatch_flags INTERFACE -fno-sanitize=null,vptr,alignment)
  endif()
endif()

# Headers that cost seconds of most objects, compiled once and shared by all targets of one kind. A source still
# includes all that it uses; -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON shows what it forgot.
function(stillwatch_precompiled name)
  cmake_parse_arguments(PRECOMPILED "" "" "HEADERS;DEPS" ${ARGN})
  file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/precompiled/${name}.cc CONTENT "")
  add_library(${name} OBJECT ${PROJECT_BINARY_DIR}/precompiled/${name}.cc)
  target_link_libraries(${name} PRIVATE ${PRECOMPILED_DEPS})
  # As some of the libraries ask of their users: the compiler takes a precompiled header only with the same flags.
  target_compile_options(${name} PRIVATE -pthread)
  target_precompile_headers(${name} PRIVATE ${PRECOMPILED_HEADERS})
endfunction()

set(module_headers <algorithm> <chrono> <functional> <map> <memory> <string> <string_view> <vector> <grpcpp/grpcpp.h>)
stillwatch_precompiled(stillwatch_generated_headers HEADERS <grpcpp/grpcpp.h> <google/protobuf/message.h>)
stillwatch_precompiled(stillwatch_module_headers HEADERS ${module_headers} DEPS stillwatch_flags)
if(STILLWATCH_TESTS)
  stillwatch_precompiled(stillwatch_test_headers
    HEADERS ${module_headers} <gtest/gtest.h> <gmock/gmock.h> DEPS stillwatch_flags GTest::gtest GTest::gmock)
  target_compile_options(stillwatch_test_headers PRIVATE $<$<CONFIG:Release>:-O1>)
endif()

# stillwatch_module(NAME SOURCES a.cc … DEPS target …): the static library `stillwatch_NAME` of one folder.
function(stillwatch_module name)
  cmake_parse_arguments(MODULE "" "" "SOURCES;DEPS" ${ARGN})
  add_library(stillwatch_${name} STATIC ${MODULE_SOURCES})
  target_link_libraries(stillwatch_${name} PUBLIC ${MODULE_DEPS} PRIVATE stillwatch_flags)
  target_include_directories(stillwatch_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_precompile_headers(stillwatch_${name} REUSE_FROM stillwatch_module_headers)
endfunction()

# stillwatch_test(NAME SOURCES a_test.cc … DEPS target …): one GoogleTest program, registered with CTest.
function(stillwatch_test name)
  cmake_parse_arguments(TEST "" "TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 120)
  endif()
  add_executable(${name} ${TEST_SOURCES})
  target_link_libraries(${name} PRIVATE ${TEST_DEPS} stillwatch_flags GTest::gtest GTest::gmock GTest::gtest_main)
  # What a test itself does need not be fast, and compiles in half the time without.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  target_precompile_headers(${name} REUSE_FROM stillwatch_test_headers)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${TEST_TIMEOUT})
endfunction()
