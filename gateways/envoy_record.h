// An entry of Envoy's access log as a record.
#pragma once

#include <string>
#include <string_view>

#include "absl/container/node_hash_set.h"
#include "gateways/envoy_entry.h"
#include "gateways/record.h"

namespace stillwatch::gateways {

// Who sends a stream of access logs.
struct EnvoySender {
  std::string node_id;
  std::string node_cluster;
  std::string log_name;
};

// Writes entries as records. Keys are the names of Envoy's API without the messages around them ("start_time",
// "request_headers.x-account", "metadata.FILTER.NAME…", "node.id"), and two of our own: "entry_id" and "operation".
// Times and durations are in nanoseconds. Threading: one thread at a time. Ownership: texts are views of the entry's;
// keys are kept by the writer, which must outlive the record. Limits: it keeps kKeysMax different keys; beyond that it
// forgets them between two entries, which only costs time.
class EnvoyRecordWriter {
 public:
  static constexpr size_t kKeysMax = 4096;

  // `entry_bytes`: the entry on the wire. Errors: false if the metadata is broken; the record then holds what came
  // before.
  bool Write(const EnvoySender& sender, const EnvoyEntry& entry, std::string_view entry_bytes, Record& record);

 private:
  std::string_view Key(std::string_view prefix, std::string_view name);
  void AddPairs(std::string_view prefix, const std::vector<EnvoyEntry::Pair>& pairs, Record& record);
  bool AddMetadata(const EnvoyEntry& entry, Record& record);

  absl::node_hash_set<std::string> keys_;
  std::string joined_;
};

}  // namespace stillwatch::gateways
