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
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi -Werror -ffp-contract=off
  # GCC 12 warns of overlaps in std::string's operator+ that are none (GCC bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
if(STILLWATCH_SANITIZE)
  target_compile_options(stillwatch_flags INTERFACE
    -fsanitize=${STILLWATCH_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(stillwatch_flags INTERFACE -fsanitize=${STILLWATCH_SANITIZE})
endif()

# stillwatch_module(NAME SOURCES a.cc … DEPS target …): the static library `stillwatch_NAME` of one folder.
function(stillwatch_module name)
  cmake_parse_arguments(MODULE "" "" "SOURCES;DEPS" ${ARGN})
  add_library(stillwatch_${name} STATIC ${MODULE_SOURCES})
  target_link_libraries(stillwatch_${name} PUBLIC ${MODULE_DEPS} PRIVATE stillwatch_flags)
  target_include_directories(stillwatch_${name} PUBLIC ${PROJECT_SOURCE_DIR})
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
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${TEST_TIMEOUT})
endfunction()
