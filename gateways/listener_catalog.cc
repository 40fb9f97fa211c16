#include "gateways/listener_catalog.h"

#include <utility>

namespace stillwatch::gateways {

ListenerCatalog::ListenerCatalog(MappingTable table) : table_(std::move(table)) {
  for (const std::string& name : table_.listener_names()) {
    listeners_[name].mapper = std::make_unique<RecordMapper>(table_, name);
  }
}

void ListenerCatalog::Register(std::string_view listener, ReadRecords read) {
  listeners_.find(listener)->second.read = std::move(read);
}

const RecordMapper* ListenerCatalog::mapper(std::string_view listener) const {
  const auto found = listeners_.find(listener);
  return found == listeners_.end() ? nullptr : found->second.mapper.get();
}

const ReadRecords* ListenerCatalog::reader(std::string_view listener) const {
  const auto found = listeners_.find(listener);
  return found == listeners_.end() || !found->second.read ? nullptr : &found->second.read;
}

std::vector<std::string> ListenerCatalog::names() const {
  std::vector<std::string> names;
  for (const auto& [name, listener] : listeners_) {
    if (listener.read) names.push_back(name);
  }
  return names;
}

}  // namespace stillwatch::gateways
