// What gateways call things: the table of names, as it is read from gateways/mapping.toml and an operator's file.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateways/target.h"
#include "proto/result.h"

namespace stillwatch::gateways {

// Unit of a moment or a duration; kOwn is that of the field.
enum class TimeUnit : uint8_t { kOwn, kSeconds, kMilliseconds, kMicroseconds, kNanoseconds };

// A name under which a field comes. '#' in it stands for a number.
struct Alias {
  std::string key;
  TimeUnit unit = TimeUnit::kOwn;
  bool is_hashed = false;
};

// By target: names in order of preference.
using AliasLists = std::array<std::vector<Alias>, Target::kCount>;

struct ListenerTable {
  AliasLists fields;
  // A message is a call of a model if it has one of these keys (if there are any), …
  std::vector<std::string> calls_have;
  // … and no key here with one of the values listed.
  std::vector<std::pair<std::string, std::vector<std::string>>> calls_are_not;
};

// Holds names and values; mapping.toml explains the form.
// Threading: none of its own.
class MappingTable {
 public:
  // The table that comes with the daemon.
  static MappingTable BuiltIn();

  // Reads a table over this one: a list replaces the one before, "..." in it stands for that one.
  // Errors: kInvalidArgument names `file` and line of what is not TOML, no known key or listener, or no usable value;
  // then the table is partly changed and of no use.
  Status Merge(std::string_view toml, const std::string& file);
  // The same for a file. Errors: also kInvalidArgument if it cannot be read.
  Status MergeFile(const std::string& path);

  const std::vector<std::string>& expanded() const { return expanded_; }
  const AliasLists& fields() const { return fields_; }
  // Nothing if there is no such listener.
  const ListenerTable* listener(std::string_view name) const;
  std::vector<std::string> listener_names() const;
  // What `value` of a field is here; itself if nothing else is said.
  std::string_view Translate(Target target, std::string_view value) const;

 private:
  class Reader;

  std::vector<std::string> expanded_;
  AliasLists fields_;
  std::map<std::string, ListenerTable, std::less<>> listeners_;
  std::array<std::map<std::string, std::string, std::less<>>, Target::kCount> values_;
};

}  // namespace stillwatch::gateways
