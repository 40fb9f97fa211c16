#include "storage/outbox_store.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "storage/memory_store.h"

namespace stillwatch::storage {
namespace {

class OutboxStoreTest : public ::testing::Test {
 protected:
  void Put(const std::vector<OutboxMessage>& messages) {
    WriteGroup group;
    for (const OutboxMessage& message : messages) PutOutboxMessage(message, group);
    ASSERT_TRUE(store_->Commit(group).ok());
  }
  std::vector<OutboxMessage> All() {
    std::vector<OutboxMessage> messages;
    EXPECT_TRUE(ScanOutbox(*store_->TakeSnapshot(), [&](OutboxMessage message) { messages.push_back(message); }).ok());
    return messages;
  }

  std::unique_ptr<KeyValueStore> store_ = MakeMemoryStore();
};

TEST_F(OutboxStoreTest, MessagesComeBackByReceiverInTheirOrder) {
  const OutboxMessage first = {1, 255, "id-1", "alice", "{}"};
  const OutboxMessage second = {1, 256, "id-2", "bob", "{\"a\":1}"};
  const OutboxMessage other = {2, 1, "id-1", "alice", "{}"};
  Put({other, second, first});
  EXPECT_EQ(All(), (std::vector<OutboxMessage>{first, second, other}));
  WriteGroup deletion;
  DeleteOutboxMessage(1, 255, deletion);
  ASSERT_TRUE(store_->Commit(deletion).ok());
  EXPECT_EQ(All(), (std::vector<OutboxMessage>{second, other}));
}

TEST_F(OutboxStoreTest, VersionOneKeepsItsBytes) {
  WriteGroup group;
  PutOutboxMessage({0x0102, 3, "i", "al", "{}"}, group);
  ASSERT_EQ(group.operations().size(), 1u);
  EXPECT_EQ(group.operations()[0].table, Table::kMeta);
  EXPECT_EQ(group.operations()[0].key, std::string("webhook/\0\0\0\0\0\0\1\2\0\0\0\0\0\0\0\3", 24));
  EXPECT_EQ(*group.operations()[0].value, std::string("\1\1i\2al\2{}"));
}

TEST_F(OutboxStoreTest, ADamagedMessageIsSkippedAndNoted) {
  const OutboxMessage sound = {1, 1, "id", "alice", "{}"};
  Put({sound, {1, 2, "id", "bob", "{}"}});
  WriteGroup damage;
  damage.Put(Table::kMeta, std::string("webhook/\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2", 24), std::string("\1\377"));
  ASSERT_TRUE(store_->Commit(damage).ok());
  EXPECT_EQ(All(), std::vector<OutboxMessage>{sound});
  EXPECT_EQ(store_->damages().count(), 1u);
}

}  // namespace
}  // namespace stillwatch::storage
