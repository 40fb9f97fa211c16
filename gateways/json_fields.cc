#include "gateways/json_fields.h"

namespace stillwatch::gateways {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

using IsWhole = std::function<bool(std::string_view key)>;

void AddObject(const object& members, const std::string& prefix, int depth, Record& record, const IsWhole& is_whole);

void AddElement(const element& value, std::string key, int depth, Record& record, const IsWhole& is_whole) {
  switch (value.type()) {
    case element_type::NULL_VALUE:
      return;
    case element_type::OBJECT:
      if (depth < kNestingMax && !(is_whole && is_whole(key))) {
        return AddObject(object(value), key + ".", depth + 1, record, is_whole);
      }
      [[fallthrough]];
    case element_type::ARRAY: {
      const std::string_view name = record.Own(std::move(key));
      return record.Add(name, Value::Json(record.Own(simdjson::minify(value))));
    }
    case element_type::STRING: {
      const std::string_view name = record.Own(std::move(key));
      return record.Add(name, Value::Text(record.Own(std::string(std::string_view(value)))));
    }
    case element_type::BOOL:
      return record.Add(record.Own(std::move(key)), Value::Bool(bool(value)));
    case element_type::INT64:
      return record.Add(record.Own(std::move(key)), Value::Integer(int64_t(value)));
    case element_type::UINT64:
    case element_type::DOUBLE:
      return record.Add(record.Own(std::move(key)), Value::Real(double(value)));
  }
}

void AddObject(const object& members, const std::string& prefix, int depth, Record& record, const IsWhole& is_whole) {
  for (const auto& [name, value] : members) AddElement(value, prefix + std::string(name), depth, record, is_whole);
}

}  // namespace

void AddJsonFields(const object& members, std::string_view prefix, Record& record, const IsWhole& is_whole) {
  AddObject(members, prefix.empty() ? std::string() : std::string(prefix) + ".", 0, record, is_whole);
}

}  // namespace stillwatch::gateways
