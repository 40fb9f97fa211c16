#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "tests/lint/source_tree.h"

namespace stillwatch::lint {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::ptrdiff_t kLineCountMax = 500;

std::vector<std::string> FindLongFiles(const SourceTree& tree) {
  std::vector<std::string> found;
  for (const auto& [path, text] : tree) {
    const bool source = IsCpp(path) || path.ends_with(".proto") || path.ends_with(".cmake");
    if (source && std::ranges::count(text, '\n') > kLineCountMax) found.push_back(path);
  }
  return found;
}

// Places that exist on one machine or in one network only: home and scratch folders, package registries, hosts by URL.
// Hosts that stand for a standard or a paper may be named.
std::vector<std::string> FindMachineNames(const SourceTree& tree) {
  static const std::regex folder(R"((^|[\s"'`=:(<])/(home|root|tmp|work|workspace|Users)/\w)");
  static const std::regex registry(R"(\b(registry|deb|mirrors?|proxy|pypi|snapshot)\.[a-z]+\.(org|com|net|io)\b)");
  static const std::regex url(
      R"(https?://(?!127\.0\.0\.1|localhost|\[::1\]|[\w.-]+\.example\b|www\.w3\.org|arxiv\.org|doi\.org)[a-z0-9])");
  std::vector<std::string> found;
  for (const auto& [path, text] : tree) {
    std::istringstream lines(text);
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
      ++number;
      // The folders and the dots are rare, the expressions slow.
      if (line.find('/') == std::string::npos && line.find('.') == std::string::npos) continue;
      if (std::regex_search(line, folder) || std::regex_search(line, registry) || std::regex_search(line, url)) {
        found.push_back(path + ":" + std::to_string(number) + ": " + line);
      }
    }
  }
  return found;
}

TEST(SourceTextTest, SourceFilesAreShort) { EXPECT_THAT(FindLongFiles(ReadSourceTree()), IsEmpty()); }

TEST(SourceTextTest, LongFilesAreFound) {
  std::string text(kLineCountMax, '\n');
  EXPECT_THAT(FindLongFiles({{"features/a.cc", text}, {"docs/a.md", text + "\n"}}), IsEmpty());
  EXPECT_THAT(FindLongFiles({{"features/a.cc", text + "\n"}}), SizeIs(1));
}

TEST(SourceTextTest, NoFileNamesAMachine) { EXPECT_THAT(FindMachineNames(ReadSourceTree()), IsEmpty()); }

TEST(SourceTextTest, MachineNamesAreFound) {
  // In pieces, so that this file does not name them itself.
  const std::string scheme = "https:";
  for (const std::string& text : {std::string("cd \"/ho") + "me/someone\"", std::string("x=/t") + "mp/x",
                                  std::string("from registry") + ".packages.org", scheme + "//somewhere.net/a"}) {
    EXPECT_THAT(FindMachineNames({{"deploy/a", "first line\n" + text + "\n"}}), SizeIs(1)) << text;
  }
  EXPECT_THAT(FindMachineNames({{"deploy/a", "curl http://127.0.0.1:7480/metrics\nhttp://$http/ a/tmp/b\n" + scheme +
                                                 "//arxiv.org/abs/1\n"}}),
              IsEmpty());
}

}  // namespace
}  // namespace stillwatch::lint
