#include "gateways/mapping_table.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>

#include "gateways/built_in_mapping.h"

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace stillwatch::gateways {
namespace {

constexpr std::string_view kFormerList = "...";

std::optional<TimeUnit> UnitByName(std::string_view name) {
  if (name == "s") return TimeUnit::kSeconds;
  if (name == "ms") return TimeUnit::kMilliseconds;
  if (name == "us") return TimeUnit::kMicroseconds;
  if (name == "ns") return TimeUnit::kNanoseconds;
  return std::nullopt;
}

}  // namespace

// Reads one file into a table.
class MappingTable::Reader {
 public:
  Reader(MappingTable& table, const std::string& file, bool is_built_in)
      : table_(table), file_(file), is_built_in_(is_built_in) {}

  Status Read(const toml::table& root) {
    for (const auto& [key, node] : root) {
      const std::string_view name = key.str();
      if (name == "expand") {
        STILLWATCH_RETURN_IF_ERROR(ReadTexts(node, table_.expanded_));
      } else if (name == "fields" && node.is_table()) {
        for (const auto& [field, list] : *node.as_table())
          STILLWATCH_RETURN_IF_ERROR(ReadField(field, list, table_.fields_));
      } else if (name == "listeners" && node.is_table()) {
        for (const auto& [listener, table] : *node.as_table())
          STILLWATCH_RETURN_IF_ERROR(ReadListener(listener, table));
      } else if (name == "values" && node.is_table()) {
        for (const auto& [field, values] : *node.as_table()) STILLWATCH_RETURN_IF_ERROR(ReadValues(field, values));
      } else {
        return Error(key.source(), "unknown key " + std::string(name));
      }
    }
    return Status();
  }

  Status Error(const toml::source_region& place, const std::string& what) const {
    return {Code::kInvalidArgument, file_ + ":" + std::to_string(place.begin.line) + ": " + what};
  }

 private:
  Status ReadTexts(const toml::node& node, std::vector<std::string>& out) {
    const toml::array* list = node.as_array();
    if (list == nullptr) return Error(node.source(), "a list of names is expected");
    std::vector<std::string> read;
    for (const toml::node& element : *list) {
      const std::optional<std::string> text = element.value_exact<std::string>();
      if (!text || text->empty()) return Error(element.source(), "a name is expected");
      if (*text == kFormerList) {
        read.insert(read.end(), out.begin(), out.end());
      } else {
        read.push_back(*text);
      }
    }
    out = std::move(read);
    return Status();
  }

  Status ReadField(const toml::key& key, const toml::node& node, AliasLists& fields) {
    const std::optional<Target> target = Target::ByName(key.str());
    if (!target) return Error(key.source(), "there is no field " + std::string(key.str()));
    const toml::array* list = node.as_array();
    if (list == nullptr) return Error(node.source(), "a list of names is expected");
    std::vector<Alias>& former = fields[target->index()];
    std::vector<Alias> read;
    for (const toml::node& element : *list) {
      const std::optional<std::string> text = element.value_exact<std::string>();
      if (text && *text == kFormerList) {
        read.insert(read.end(), former.begin(), former.end());
      } else if (text && !text->empty()) {
        read.push_back({*text, TimeUnit::kOwn, false});
      } else if (const toml::table* table = element.as_table()) {
        STILLWATCH_RETURN_IF_ERROR(ReadAlias(*table, *target, read.emplace_back()));
      } else {
        return Error(element.source(), "a name, or a table with a key, is expected");
      }
    }
    former = std::move(read);
    return Status();
  }

  Status ReadAlias(const toml::table& table, Target target, Alias& out) {
    for (const auto& [key, node] : table) {
      const std::string_view name = key.str();
      const std::optional<std::string> text = node.value_exact<std::string>();
      const std::optional<TimeUnit> unit = text ? UnitByName(*text) : std::nullopt;
      if (name == "key" && text && !text->empty()) {
        out.key = *text;
      } else if (name == "unit" && unit && (target.is_time() || target.is_duration())) {
        out.unit = *unit;
      } else if (name == "hash" && node.is_boolean() && target.index() < kTextFieldCount) {
        out.is_hashed = node.value_or(false);
      } else {
        return Error(key.source(), std::string(name) + " is not expected here, or not with this value");
      }
    }
    return out.key.empty() ? Error(table.source(), "key is missing") : Status();
  }

  Status ReadListener(const toml::key& key, const toml::node& node) {
    if (!is_built_in_ && !table_.listeners_.contains(key.str())) {
      return Error(key.source(), "there is no listener " + std::string(key.str()));
    }
    const toml::table* table = node.as_table();
    if (table == nullptr) return Error(node.source(), "a table is expected");
    ListenerTable& listener = table_.listeners_[std::string(key.str())];
    for (const auto& [name, value] : *table) {
      if (name.str() == "calls_have") {
        STILLWATCH_RETURN_IF_ERROR(ReadTexts(value, listener.calls_have));
      } else if (name.str() == "calls_are_not") {
        STILLWATCH_RETURN_IF_ERROR(ReadExclusions(value, listener));
      } else {
        STILLWATCH_RETURN_IF_ERROR(ReadField(name, value, listener.fields));
      }
    }
    return Status();
  }

  Status ReadExclusions(const toml::node& node, ListenerTable& listener) {
    const toml::table* table = node.as_table();
    if (table == nullptr) return Error(node.source(), "a table of keys and lists of their values is expected");
    for (const auto& [key, values] : *table) {
      auto found = std::ranges::find(listener.calls_are_not, key.str(), [](const auto& pair) { return pair.first; });
      if (found == listener.calls_are_not.end()) {
        found = listener.calls_are_not.insert(found, {std::string(key.str()), {}});
      }
      STILLWATCH_RETURN_IF_ERROR(ReadTexts(values, found->second));
    }
    return Status();
  }

  Status ReadValues(const toml::key& key, const toml::node& node) {
    const std::optional<Target> target = Target::ByName(key.str());
    if (!target || target->index() >= kTextFieldCount) {
      return Error(key.source(), "there is no text field " + std::string(key.str()));
    }
    const toml::table* table = node.as_table();
    if (table == nullptr) return Error(node.source(), "a table of values is expected");
    for (const auto& [from, value] : *table) {
      const std::optional<std::string> to = value.value_exact<std::string>();
      if (!to) return Error(value.source(), "a text is expected");
      table_.values_[target->index()][std::string(from.str())] = *to;
    }
    return Status();
  }

  MappingTable& table_;
  const std::string& file_;
  const bool is_built_in_;
};

MappingTable MappingTable::BuiltIn() {
  MappingTable table;
  const std::string file = "the built-in mapping";
  const toml::parse_result parsed = toml::parse(kBuiltInMapping);
  const Status status = parsed.failed() ? Status(Code::kInternal, std::string(parsed.error().description()))
                                        : Reader(table, file, true).Read(parsed.table());
  if (!status.ok()) {
    std::fprintf(stderr, "%s: %s\n", file.c_str(), status.message().c_str());
    std::abort();
  }
  return table;
}

Status MappingTable::Merge(std::string_view toml, const std::string& file) {
  const toml::parse_result parsed = toml::parse(toml);
  Reader reader(*this, file, false);
  if (parsed.failed()) return reader.Error(parsed.error().source(), std::string(parsed.error().description()));
  return reader.Read(parsed.table());
}

Status MappingTable::MergeFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  if (!file) return {Code::kInvalidArgument, path + ": cannot be read"};
  return Merge(text, path);
}

const ListenerTable* MappingTable::listener(std::string_view name) const {
  const auto found = listeners_.find(name);
  return found == listeners_.end() ? nullptr : &found->second;
}

std::vector<std::string> MappingTable::listener_names() const {
  std::vector<std::string> names;
  for (const auto& [name, table] : listeners_) names.push_back(name);
  return names;
}

std::string_view MappingTable::Translate(Target target, std::string_view value) const {
  const auto& values = values_[target.index()];
  const auto found = values.find(value);
  return found == values.end() ? value : found->second;
}

}  // namespace stillwatch::gateways
