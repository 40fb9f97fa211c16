#include "tests/lint/source_tree.h"

#include <filesystem>
#include <fstream>
#include <iterator>

namespace stillwatch::lint {
namespace {

bool IsForeignFolder(const std::string& name) {
  return name == "build" || name == "node_modules" || (name.starts_with('.') && name != ".ci");
}

}  // namespace

SourceTree ReadSourceTree() {
  namespace fs = std::filesystem;
  const fs::path root = STILLWATCH_SOURCE_DIR;
  SourceTree tree;
  for (fs::recursive_directory_iterator it(root), end; it != end; ++it) {
    if (it->is_directory()) {
      if (IsForeignFolder(it->path().filename())) it.disable_recursion_pending();
    } else if (it->is_regular_file()) {
      std::ifstream file(it->path(), std::ios::binary);
      tree[fs::relative(it->path(), root)].assign(std::istreambuf_iterator<char>(file), {});
    }
  }
  return tree;
}

bool IsCpp(std::string_view path) { return path.ends_with(".cc") || path.ends_with(".h"); }

}  // namespace stillwatch::lint
