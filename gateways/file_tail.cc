#include "gateways/file_tail.h"

#include <spdlog/spdlog.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <chrono>
#include <utility>

#include "gateways/followed_file.h"

namespace stillwatch::gateways {
namespace {

std::string KeyOf(const std::string& path) { return "follow/" + path; }

// Losses that were noted of a file already.
FollowedFileCounters Difference(const FollowedFileCounters& now, const FollowedFileCounters& before) {
  FollowedFileCounters out;
  out.too_long_line_count = now.too_long_line_count - before.too_long_line_count;
  out.lost_byte_count = now.lost_byte_count - before.lost_byte_count;
  out.missing_file_count = now.missing_file_count - before.missing_file_count;
  return out;
}

}  // namespace

// Goes round: read on a worker, wait until durable, keep the position, read again; or pause on the timer's strand.
class FileTail::Reader : public std::enable_shared_from_this<Reader> {
 public:
  Reader(boost::asio::io_context& io, ingest::Pipeline& pipeline, LineSink& sink, Options options, FollowedFile file)
      : pipeline_(pipeline),
        sink_(sink),
        options_(std::move(options)),
        file_(std::move(file)),
        timer_(boost::asio::make_strand(io)) {}

  void PostRead() {
    if (is_stopped_) return;
    const bool has_room = sink_.HasRoomOrWait([weak = weak_from_this()] {
      if (const std::shared_ptr<Reader> self = weak.lock()) self->PostRead();
    });
    if (has_room) options_.post([self = shared_from_this()] { self->Read(); });
  }

  void Stop() {
    is_stopped_ = true;
    boost::asio::post(timer_.get_executor(), [self = shared_from_this()] { self->timer_.cancel(); });
  }

 private:
  void Read() {
    if (is_stopped_) return;
    LineBatch batch;
    batch.source = options_.path;
    for (const FollowedLine& line : file_.Read(options_.steady_clock_nano()))
      batch.Add(line.text, line.inode, line.offset);
    NoteLosses();
    if (batch.empty()) return file_.has_more() ? PostRead() : Pause();
    sink_.Take(std::move(batch), [self = shared_from_this(), position = file_.Position()](const Status& status) {
      if (status.ok()) self->Keep(position);
    });
  }

  void NoteLosses() {
    const FollowedFileCounters fresh = Difference(file_.counters(), noted_);
    noted_ = file_.counters();
    if (fresh.too_long_line_count > 0) sink_.NoteLoss(options_.path, LineLoss::kTooLong, fresh.too_long_line_count);
    // How many lines they were nobody knows.
    const uint64_t vanished = (fresh.lost_byte_count > 0 ? 1 : 0) + fresh.missing_file_count;
    if (vanished > 0) {
      sink_.NoteLoss(options_.path, LineLoss::kVanished, vanished);
      spdlog::warn("{}: {} bytes and {} files were gone before they were read", options_.path, fresh.lost_byte_count,
                   fresh.missing_file_count);
    }
    if (file_.problem() != problem_ && !file_.problem().empty()) spdlog::warn("waits for {}", file_.problem());
    problem_ = file_.problem();
  }

  void Keep(const std::string& position) {
    storage::WriteGroup group;
    group.Put(storage::Table::kMeta, KeyOf(options_.path), position);
    pipeline_.Write(std::move(group), nullptr, [self = shared_from_this()] { self->PostRead(); });
  }

  void Pause() {
    boost::asio::post(timer_.get_executor(), [self = shared_from_this()] {
      self->timer_.expires_after(std::chrono::nanoseconds(self->options_.pause_nano));
      self->timer_.async_wait([self](const boost::system::error_code& error) {
        if (!error) self->PostRead();
      });
    });
  }

  ingest::Pipeline& pipeline_;
  LineSink& sink_;
  const Options options_;
  FollowedFile file_;
  FollowedFileCounters noted_;
  std::string problem_;
  boost::asio::steady_timer timer_;
  std::atomic<bool> is_stopped_{false};
};

Result<std::unique_ptr<FileTail>> FileTail::Start(boost::asio::io_context& io, storage::KeyValueStore& store,
                                                  ingest::Pipeline& pipeline, LineSink& sink, Options options) {
  const Result<std::optional<std::string>> saved = store.Get(storage::Table::kMeta, KeyOf(options.path));
  if (!saved.ok()) return saved.status();
  Result<FollowedFile> file = FollowedFile::Open(options.path, saved.value().value_or(std::string()));
  if (!file.ok()) return file.status();
  auto reader = std::make_shared<Reader>(io, pipeline, sink, std::move(options), std::move(file).value());
  reader->PostRead();
  return std::unique_ptr<FileTail>(new FileTail(std::move(reader)));
}

FileTail::~FileTail() { Stop(); }

void FileTail::Stop() { reader_->Stop(); }

}  // namespace stillwatch::gateways
