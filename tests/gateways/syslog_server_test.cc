// Both listeners, with senders on the loopback.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/write.hpp>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gateways/syslog_tcp.h"
#include "gateways/syslog_udp.h"

namespace stillwatch::gateways {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using ::testing::ElementsAre;

// Keeps what it is given; batches are done at once, or when the test says so.
class KeepingSink : public LineSink {
 public:
  void Take(LineBatch batch, OnDone on_done) override {
    std::unique_lock lock(mutex_);
    source_ = batch.source;
    for (size_t i = 0; i < batch.lines.size(); ++i) lines_.emplace_back(batch.line(i));
    changed_.notify_all();
    if (!is_holding_) {
      lock.unlock();
      return on_done(Status());
    }
    held_.push_back(std::move(on_done));
  }
  void NoteLoss(std::string_view /*source*/, LineLoss loss, uint64_t count) override {
    const std::lock_guard lock(mutex_);
    losses_[loss] += count;
    changed_.notify_all();
  }
  bool HasRoomOrWait(std::function<void()> on_room) override {
    const std::lock_guard lock(mutex_);
    if (has_room_) return true;
    waiting_.push_back(std::move(on_room));
    changed_.notify_all();
    return false;
  }

  void Hold() {
    const std::lock_guard lock(mutex_);
    is_holding_ = true;
  }
  void SetRoom(bool has_room) {
    std::vector<std::function<void()>> waiting;
    {
      const std::lock_guard lock(mutex_);
      has_room_ = has_room;
      if (has_room) waiting.swap(waiting_);
    }
    for (const auto& on_room : waiting) on_room();
  }
  void FinishHeld() {
    std::vector<OnDone> held;
    {
      const std::lock_guard lock(mutex_);
      is_holding_ = false;
      held.swap(held_);
    }
    for (const OnDone& on_done : held) on_done(Status());
  }

  std::vector<std::string> WaitForLines(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return lines_.size() >= count; });
    return lines_;
  }
  void WaitForLoss(LineLoss loss, uint64_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return losses_[loss] >= count; });
  }
  void WaitUntilSomebodyWaits() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !waiting_.empty(); });
  }
  size_t WaitForHeld(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return held_.size() >= count; });
    return held_.size();
  }
  std::string source() {
    const std::lock_guard lock(mutex_);
    return source_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string source_;
  std::vector<std::string> lines_;
  std::map<LineLoss, uint64_t> losses_;
  bool has_room_ = true;
  bool is_holding_ = false;
  std::vector<std::function<void()>> waiting_;
  std::vector<OnDone> held_;
};

class SyslogServerTest : public ::testing::Test {
 protected:
  SyslogServerTest() : work_(asio::make_work_guard(io_)), thread_([this] { io_.run(); }) {}
  ~SyslogServerTest() override {
    tcp_.reset();
    udp_.reset();
    // What waits for the sink keeps a connection, which must go before the io_context does.
    sink_.SetRoom(true);
    sink_.FinishHeld();
    work_.reset();
    thread_.join();
  }

  static uint16_t PortOf(const std::string& address) {
    return static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  }
  void StartTcp(const SyslogLimits& limits = {}) {
    tcp_ = SyslogTcpServer::Start(io_, {asio::ip::address_v4::loopback(), 0}, sink_, limits).value();
  }
  tcp::socket Connect() {
    tcp::socket socket(io_);
    socket.connect({asio::ip::address_v4::loopback(), PortOf(tcp_->bound_address())});
    return socket;
  }
  udp::socket StartUdp() {
    udp_ = SyslogUdpServer::Start(io_, {asio::ip::address_v4::loopback(), 0}, sink_).value();
    udp::socket socket(io_, udp::v4());
    socket.connect({asio::ip::address_v4::loopback(), PortOf(udp_->bound_address())});
    return socket;
  }

  KeepingSink sink_;
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::unique_ptr<SyslogTcpServer> tcp_;
  std::unique_ptr<SyslogUdpServer> udp_;
  std::thread thread_;
};

TEST_F(SyslogServerTest, MessagesOfAConnectionArriveInTheirOrder) {
  StartTcp();
  tcp::socket socket = Connect();
  asio::write(socket, asio::buffer(std::string("<1>a\n4 <1>b<1>")));
  EXPECT_THAT(sink_.WaitForLines(2), ElementsAre("<1>a", "<1>b"));
  asio::write(socket, asio::buffer(std::string("c\n")));
  EXPECT_THAT(sink_.WaitForLines(3), ElementsAre("<1>a", "<1>b", "<1>c"));
  EXPECT_EQ(sink_.source(), "syslog 127.0.0.1");
}

TEST_F(SyslogServerTest, WhatAConnectionLosesIsTold) {
  StartTcp({.message_bytes_max = 10, .connection_count_max = 10});
  tcp::socket socket = Connect();
  asio::write(socket, asio::buffer(std::string("<1>far too long\n<1>a\n7 <1>")));
  EXPECT_THAT(sink_.WaitForLines(1), ElementsAre("<1>a"));
  sink_.WaitForLoss(LineLoss::kTooLong, 1);
  socket.close();
  sink_.WaitForLoss(LineLoss::kCutOff, 1);
}

TEST_F(SyslogServerTest, AConnectionThatIsNoSyslogIsClosed) {
  StartTcp();
  tcp::socket socket = Connect();
  asio::write(socket, asio::buffer(std::string("1x")));
  std::array<char, 1> answer;
  boost::system::error_code error;
  EXPECT_EQ(socket.read_some(asio::buffer(answer), error), 0U);
  EXPECT_TRUE(error);
  sink_.WaitForLoss(LineLoss::kCutOff, 1);
}

TEST_F(SyslogServerTest, OneTooManyIsTurnedAway) {
  StartTcp({.message_bytes_max = 100, .connection_count_max = 1});
  tcp::socket first = Connect();
  asio::write(first, asio::buffer(std::string("<1>a\n")));
  sink_.WaitForLines(1);
  tcp::socket second = Connect();
  std::array<char, 1> answer;
  boost::system::error_code error;
  second.read_some(asio::buffer(answer), error);
  EXPECT_TRUE(error);
}

TEST_F(SyslogServerTest, WithoutRoomNothingIsReadUntilThereIs) {
  sink_.SetRoom(false);
  StartTcp();
  tcp::socket socket = Connect();
  asio::write(socket, asio::buffer(std::string("<1>a\n")));
  sink_.WaitUntilSomebodyWaits();
  sink_.SetRoom(true);
  EXPECT_THAT(sink_.WaitForLines(1), ElementsAre("<1>a"));
}

TEST_F(SyslogServerTest, AConnectionWaitsForItsBatchesToBeDurable) {
  sink_.Hold();
  StartTcp();
  tcp::socket socket = Connect();
  for (size_t i = 0; i < SyslogTcpServer::kBatchesInFlightMax; ++i) {
    asio::write(socket, asio::buffer("<1>line " + std::to_string(i) + "\n"));
    sink_.WaitForHeld(i + 1);
  }
  asio::write(socket, asio::buffer(std::string("<1>last\n")));
  EXPECT_EQ(sink_.WaitForHeld(SyslogTcpServer::kBatchesInFlightMax), SyslogTcpServer::kBatchesInFlightMax);
  sink_.FinishHeld();
  EXPECT_EQ(sink_.WaitForLines(SyslogTcpServer::kBatchesInFlightMax + 1).back(), "<1>last");
}

TEST_F(SyslogServerTest, WhatHasArrivedBeforeAStopIsTaken) {
  sink_.SetRoom(false);
  StartTcp();
  tcp::socket socket = Connect();
  asio::write(socket, asio::buffer(std::string("<1>a\n<1>without its end")));
  sink_.WaitUntilSomebodyWaits();
  tcp_->Stop();
  EXPECT_THAT(sink_.WaitForLines(2), ElementsAre("<1>a", "<1>without its end"));
}

TEST_F(SyslogServerTest, DatagramsAreMessages) {
  udp::socket socket = StartUdp();
  socket.send(asio::buffer(std::string("<1>a")));
  socket.send(asio::buffer(std::string("<1>b")));
  EXPECT_THAT(sink_.WaitForLines(2), ElementsAre("<1>a", "<1>b"));
}

TEST_F(SyslogServerTest, DatagramsThatTheKernelDropsAreCounted) {
  sink_.SetRoom(false);
  udp::socket socket = StartUdp();
  sink_.WaitUntilSomebodyWaits();
  // More than any receive buffer takes that the kernel may have granted.
  constexpr size_t kCount = 20'000;
  const std::string datagram(4000, 'x');
  for (size_t i = 0; i < kCount; ++i) socket.send(asio::buffer(datagram));
  sink_.SetRoom(true);
  // The count comes with datagrams that are received after the drops.
  size_t seen = sink_.WaitForLines(1).size();
  while (seen < sink_.WaitForLines(seen).size()) seen = sink_.WaitForLines(seen).size();
  socket.send(asio::buffer(std::string("last")));
  sink_.WaitForLoss(LineLoss::kKernelDropped, 1);
}

}  // namespace
}  // namespace stillwatch::gateways
