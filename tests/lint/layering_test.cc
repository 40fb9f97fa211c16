#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/lint/include_checker.h"
#include "tests/lint/source_tree.h"

namespace stillwatch::lint {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(LayeringTest, EveryModuleHasSources) {
  const SourceTree tree = ReadSourceTree();
  for (const std::string& module : LayeredModules()) {
    EXPECT_TRUE(std::ranges::any_of(tree, [&](const auto& file) {
      return file.first.starts_with(module + "/") && IsCpp(file.first);
    })) << module;
  }
}

TEST(LayeringTest, ModulesIncludeOnlyWhatTheyMay) { EXPECT_THAT(FindLayeringViolations(ReadSourceTree()), IsEmpty()); }

TEST(LayeringTest, AllowedIncludesPass) {
  EXPECT_THAT(FindLayeringViolations({
                  {"detector/a.cc", "#include <Eigen/Dense>\n#include \"storage/key_value_store.h\"\n"},
                  {"daemon/main.cc", "#include \"storage/rocksdb_store.h\"\n#include \"query/a.h\"\n"},
                  {"storage/rocksdb_store.cc", "#include <rocksdb/db.h>\n#include \"proto/result.h\"\n"},
                  {"query/a.h", "#include \"stillwatch/v1/query.grpc.pb.h\"\n#include \"ingest/a.h\"\n"},
                  {"tests/storage/a_test.cc", "#include \"storage/memory_store.h\"\n"},
              }),
              IsEmpty());
}

struct Violation {
  const char* path;
  const char* include;
};

class ForbiddenIncludeTest : public ::testing::TestWithParam<Violation> {};

TEST_P(ForbiddenIncludeTest, IsFound) {
  const SourceTree tree = {{GetParam().path, std::string("#pragma once\n#include ") + GetParam().include + "\n"}};
  EXPECT_THAT(FindLayeringViolations(tree), SizeIs(1));
}

INSTANTIATE_TEST_SUITE_P(
    Layering, ForbiddenIncludeTest,
    ::testing::Values(Violation{"proto/a.h", "\"features/a.h\""}, Violation{"features/a.cc", "\"storage/event_log.h\""},
                      Violation{"features/a.cc", "\"stillwatch/v1/usage.pb.h\""},
                      Violation{"features/a.cc", "<rocksdb/slice.h>"}, Violation{"storage/a.cc", "\"detector/a.h\""},
                      Violation{"storage/a.cc", "<google/protobuf/message.h>"},
                      Violation{"detector/a.cc", "\"storage/rocksdb_store.h\""},
                      Violation{"detector/a.cc", "\"ingest/a.h\""}, Violation{"detector/a.cc", "<grpcpp/grpcpp.h>"},
                      Violation{"detector/a.h", "<Eigen/Core>"}, Violation{"ingest/a.cc", "\"storage/memory_store.h\""},
                      Violation{"ingest/a.cc", "\"query/a.h\""}, Violation{"query/a.cc", "\"daemon/a.h\""},
                      Violation{"query/a.cc", "<rocksdb/db.h>"}, Violation{"cli/a.cc", "\"storage/event_log.h\""},
                      Violation{"cli/a.h", "  \"query/a.h\""}));

TEST(LayeringTest, LibrariesReachedThroughOurHeadersAreFound) {
  EXPECT_THAT(FindLayeringViolations({
                  {"features/a.cc", "#include \"proto/b.h\"\n"},
                  {"proto/b.h", "#include \"proto/c.h\"\n"},
                  {"proto/c.h", "#include \"stillwatch/v1/usage.pb.h\"\n"},
              }),
              SizeIs(1));
}

}  // namespace
}  // namespace stillwatch::lint
