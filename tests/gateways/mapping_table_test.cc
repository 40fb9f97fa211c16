#include "gateways/mapping_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stillwatch::gateways {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::vector<std::string> KeysOf(const std::vector<Alias>& aliases) {
  std::vector<std::string> keys;
  for (const Alias& alias : aliases) keys.push_back(alias.key);
  return keys;
}

std::vector<std::string> AccountKeys(const MappingTable& table) {
  return KeysOf(table.listener("otlp")->fields[Target(TextField::kAccountId).index()]);
}

TEST(MappingTableTest, TheBuiltInTableNamesEveryFieldThatGatewaysFill) {
  const MappingTable table = MappingTable::BuiltIn();
  const ListenerTable* otlp = table.listener("otlp");
  ASSERT_NE(otlp, nullptr);
  for (const char* name : {"account_id",
                           "organization_id",
                           "api_key_id",
                           "end_user_id",
                           "time_unix_nano",
                           "request_model",
                           "temperature",
                           "top_p",
                           "max_tokens",
                           "choice_count",
                           "seed",
                           "stream",
                           "input_tokens",
                           "output_tokens",
                           "cache_read_input_tokens",
                           "reasoning_tokens",
                           "finish_reason",
                           "error_type",
                           "status_code",
                           "conversation_id",
                           "client_address",
                           "user_agent",
                           "client_country",
                           "tls_fingerprint",
                           "input_messages",
                           "output_messages"}) {
    const size_t index = Target::ByName(name)->index();
    EXPECT_FALSE(otlp->fields[index].empty() && table.fields()[index].empty()) << name;
  }
}

TEST(MappingTableTest, AnOperatorsListReplacesOrExtendsTheOneBefore) {
  MappingTable table = MappingTable::BuiltIn();
  const std::vector<std::string> former = AccountKeys(table);
  ASSERT_TRUE(table.Merge("[listeners.otlp]\naccount_id = [\"mine\", \"...\"]\n", "file").ok());
  std::vector<std::string> extended = {"mine"};
  extended.insert(extended.end(), former.begin(), former.end());
  EXPECT_EQ(AccountKeys(table), extended);
  ASSERT_TRUE(table.Merge("listeners.otlp.account_id = [\"only\"]", "file").ok());
  EXPECT_THAT(AccountKeys(table), ElementsAre("only"));
  ASSERT_TRUE(table.Merge("[fields]\ntemperature = []\n", "file").ok());
  EXPECT_THAT(table.fields()[Target(NumberField::kTemperature).index()], IsEmpty());
}

TEST(MappingTableTest, UnitsHashesAndValuesAreRead) {
  MappingTable table = MappingTable::BuiltIn();
  ASSERT_TRUE(table
                  .Merge("[fields]\nduration_ms = [{ key = \"d\", unit = \"s\" }]\n"
                         "api_key_id = [{ key = \"k\", hash = true }]\n[values.operation_name]\nask = \"chat\"\n",
                         "file")
                  .ok());
  EXPECT_EQ(table.fields()[Target(NumberField::kDurationMs).index()][0].unit, TimeUnit::kSeconds);
  EXPECT_TRUE(table.fields()[Target(TextField::kApiKeyId).index()][0].is_hashed);
  EXPECT_EQ(table.Translate(TextField::kOperationName, "ask"), "chat");
  EXPECT_EQ(table.Translate(TextField::kOperationName, "other"), "other");
}

struct Wrong {
  const char* toml;
  int line;
  const char* words;
};

class WrongMappingTest : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongMappingTest, IsNamedWithItsLine) {
  MappingTable table = MappingTable::BuiltIn();
  const Status status = table.Merge(GetParam().toml, "own.toml");
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(status.message(), StartsWith("own.toml:" + std::to_string(GetParam().line) + ": "));
  EXPECT_THAT(status.message(), HasSubstr(GetParam().words));
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongMappingTest,
    ::testing::Values(Wrong{"fields = [\n", 1, ""}, Wrong{"\nunknown = 1\n", 2, "unknown"},
                      Wrong{"[fields]\n\ntemprature = [\"t\"]\n", 3, "temprature"},
                      Wrong{"[listeners.otpl]\naccount_id = [\"a\"]\n", 1, "otpl"},
                      Wrong{"[fields]\nseed = \"s\"\n", 2, "list"}, Wrong{"[fields]\nseed = [1]\n", 2, "name"},
                      Wrong{"[fields]\nseed = [{ unit = \"s\" }]\n", 2, "unit"},
                      Wrong{"[fields]\nduration_ms = [{ key = \"d\", unit = \"h\" }]\n", 2, "unit"},
                      Wrong{"[fields]\nduration_ms = [{ unit = \"s\" }]\n", 2, "key"},
                      Wrong{"[values.seed]\na = \"b\"\n", 1, "seed"},
                      Wrong{"[listeners.otlp]\ncalls_have = \"x\"\n", 2, "list"}));

TEST(MappingTableTest, FileThatCannotBeReadIsNamed) {
  MappingTable table = MappingTable::BuiltIn();
  const Status status = table.MergeFile("/does/not/exist.toml");
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("/does/not/exist.toml"));
}

}  // namespace
}  // namespace stillwatch::gateways
