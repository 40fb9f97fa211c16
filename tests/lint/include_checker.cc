#include "tests/lint/include_checker.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <string_view>

namespace stillwatch::lint {
namespace {

// Headers of concrete stores: everyone but the daemon's start works on the interface.
constexpr std::string_view kConcreteStores[] = {"storage/rocksdb_store.h", "storage/memory_store.h"};
constexpr std::string_view kWire[] = {"stillwatch/v1/", "grpc/", "grpcpp/", "google/protobuf/"};
constexpr std::string_view kRocksdb[] = {"rocksdb/"};

struct Rule {
  std::string module;
  std::set<std::string> may_include;  // Of our modules, beside itself.
  bool concrete_stores = false;
  bool wire = true;  // gRPC, protobuf and what is generated for them, also by way of our headers.
  bool rocksdb = false;
};

const std::vector<Rule>& Rules() {
  static const std::vector<Rule> rules = {
      {"proto", {}},
      {.module = "features", .may_include = {"proto"}, .wire = false},
      {.module = "storage", .may_include = {"proto"}, .concrete_stores = true, .wire = false, .rocksdb = true},
      {.module = "detector", .may_include = {"proto", "features", "storage"}, .wire = false},
      {.module = "http", .may_include = {"proto"}, .wire = false},
      {"ingest", {"proto", "features", "storage", "detector"}},
      {"gateways", {"proto", "http", "features", "storage", "detector", "ingest"}},
      {"query", {"proto", "http", "features", "storage", "detector", "ingest"}},
      {"enforcement", {"proto", "http", "features", "storage", "detector", "ingest", "query"}},
      {.module = "daemon",
       .may_include = {"proto", "http", "features", "storage", "detector", "ingest", "gateways", "query", "enforcement"},
       .concrete_stores = true,
       .rocksdb = true},
      {"cli", {"proto"}},
  };
  return rules;
}

std::string ModuleOf(std::string_view path) { return std::string(path.substr(0, path.find('/'))); }

const Rule* RuleOf(std::string_view path) {
  const auto rule = std::ranges::find(Rules(), ModuleOf(path), &Rule::module);
  return rule == Rules().end() ? nullptr : &*rule;
}

bool StartsWithAny(std::string_view header, const auto& prefixes) {
  return std::ranges::any_of(prefixes, [&](std::string_view prefix) { return header.starts_with(prefix); });
}

std::vector<std::string> IncludesOf(const std::string& text) {
  std::vector<std::string> headers;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::erase(line, ' ');
    if (!line.starts_with("#include") || line.size() < 10) continue;
    const size_t close = line.find(line[8] == '<' ? '>' : '"', 9);
    headers.push_back(line.substr(9, close - 9));
  }
  return headers;
}

// What `path` includes, itself and by way of our headers.
std::set<std::string> ReachableFrom(const SourceTree& tree, const std::string& path) {
  std::set<std::string> reached;
  std::vector<std::string> open = {path};
  while (!open.empty()) {
    const auto file = tree.find(open.back());
    open.pop_back();
    if (file == tree.end()) continue;
    for (const std::string& header : IncludesOf(file->second)) {
      if (reached.insert(header).second) open.push_back(header);
    }
  }
  return reached;
}

void CheckDirect(const Rule& rule, const std::string& path, const std::string& header,
                 std::vector<std::string>& violations) {
  if (const Rule* included = RuleOf(header);
      included != nullptr && included != &rule && !rule.may_include.contains(included->module)) {
    violations.push_back(path + ": may not include " + header);
  }
  if (!rule.concrete_stores && StartsWithAny(header, kConcreteStores)) {
    violations.push_back(path + ": may include the interface of the store only, not " + header);
  }
  if (header.starts_with("Eigen/") && path.ends_with(".h")) {
    violations.push_back(path + ": Eigen's types differ between instruction sets, so no header may include " + header);
  }
}

}  // namespace

std::vector<std::string> FindLayeringViolations(const SourceTree& tree) {
  std::vector<std::string> violations;
  for (const auto& [path, text] : tree) {
    const Rule* rule = IsCpp(path) ? RuleOf(path) : nullptr;
    if (rule == nullptr) continue;
    for (const std::string& header : IncludesOf(text)) CheckDirect(*rule, path, header, violations);
    for (const std::string& header : ReachableFrom(tree, path)) {
      if (!rule->wire && StartsWithAny(header, kWire)) violations.push_back(path + ": may not reach " + header);
      if (!rule->rocksdb && StartsWithAny(header, kRocksdb)) violations.push_back(path + ": may not reach " + header);
    }
  }
  return violations;
}

const std::vector<std::string>& LayeredModules() {
  static const std::vector<std::string> modules = [] {
    std::vector<std::string> names;
    for (const Rule& rule : Rules()) names.push_back(rule.module);
    return names;
  }();
  return modules;
}

}  // namespace stillwatch::lint
