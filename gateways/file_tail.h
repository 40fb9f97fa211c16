// Follows a log file for as long as the daemon runs.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "gateways/line_sink.h"
#include "ingest/pipeline.h"
#include "proto/result.h"
#include "storage/key_value_store.h"

namespace stillwatch::gateways {

// Reads a file's new lines every now and then (FollowedFile), hands them to a sink, and keeps in the store up to where
// its lines are durable (Table::kMeta, `follow/` and the path). After a crash some lines are read again; their ids are
// the same, so they count once. Threading: Start and Stop from any thread; reads where `post` runs its tasks.
// Ownership: what is given must outlive it. Errors: those of the store; kDataLoss for a position of another make. A
// file that is not there is waited for. Limits: one read of at most FollowedFile::kReadBytesMax at a time; the next
// waits until its lines are durable.
class FileTail {
 public:
  struct Options {
    std::string path;
    int64_t pause_nano = 200'000'000;  // Between two looks at a file that had nothing new.
    std::function<int64_t()> steady_clock_nano;
    std::function<void(std::function<void()>)> post;
  };

  static Result<std::unique_ptr<FileTail>> Start(boost::asio::io_context& io, storage::KeyValueStore& store,
                                                 ingest::Pipeline& pipeline, LineSink& sink, Options options);
  // Stops.
  ~FileTail();
  // Reads no more; what was read is still handled.
  void Stop();

 private:
  class Reader;
  explicit FileTail(std::shared_ptr<Reader> reader) : reader_(std::move(reader)) {}

  std::shared_ptr<Reader> reader_;
};

}  // namespace stillwatch::gateways
