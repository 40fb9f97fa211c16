// The listeners there are: their mappings, and how a captured message of each is read.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateways/mapping_table.h"
#include "gateways/record.h"
#include "gateways/record_mapper.h"
#include "proto/result.h"

namespace stillwatch::gateways {

// Called for each message that a body holds, with the protocol's own id of the call, or an empty one.
using TakeRecord = std::function<void(Record& record, std::string_view event_id)>;
// Reads a body as a listener gets it, or as it stands in a file. Errors: kInvalidArgument for what it cannot read.
using ReadRecords = std::function<Status(std::string_view body, const TakeRecord& take)>;

// Holds the mapping of each listener of a table, and the readers that listeners register.
// Threading: Register while the daemon starts; then from any thread. Ownership: lives as long as the listeners.
class ListenerCatalog {
 public:
  explicit ListenerCatalog(MappingTable table);

  // `listener`: one of the table's.
  void Register(std::string_view listener, ReadRecords read);

  // Nothing if there is no such listener.
  const RecordMapper* mapper(std::string_view listener) const;
  // Nothing if it has registered none.
  const ReadRecords* reader(std::string_view listener) const;
  // Of those that registered a reader.
  std::vector<std::string> names() const;

 private:
  struct Listener {
    std::unique_ptr<RecordMapper> mapper;
    ReadRecords read;
  };

  const MappingTable table_;
  std::map<std::string, Listener, std::less<>> listeners_;
};

}  // namespace stillwatch::gateways
