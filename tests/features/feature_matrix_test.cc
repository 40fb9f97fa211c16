#include "features/feature_matrix.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <set>

#include "tests/features/portrait_builder.h"

namespace stillwatch::features {
namespace {

FeatureMatrix RandomMatrix(uint64_t seed, size_t row_count) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> draw(0, 1);
  FeatureMatrix matrix(row_count);
  for (size_t row = 0; row < row_count; ++row) {
    FeatureRow features;
    for (size_t i = 0; i < kFeatureCount; ++i)
      features[i] = static_cast<float>(i) + draw(random) * static_cast<float>(i % 4);
    if (row % 50 == 0) features[5] = 1e6F;
    matrix.SetRow(row, features);
  }
  return matrix;
}

std::vector<uint32_t> AllRows(const FeatureMatrix& matrix) {
  std::vector<uint32_t> rows(matrix.row_count());
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

float UpperMedian(std::vector<float> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// The definition, feature by feature.
RobustScale ReferenceScale(const FeatureMatrix& matrix, const std::vector<uint32_t>& rows) {
  RobustScale scale;
  for (size_t i = 0; i < kFeatureCount; ++i) {
    std::vector<float> values;
    for (const uint32_t row : rows) values.push_back(matrix.column(static_cast<Feature>(i))[row]);
    scale.median[i] = UpperMedian(values);
    for (float& value : values) value = std::fabs(value - scale.median[i]);
    scale.spread[i] = 1.4826F * UpperMedian(values);
  }
  return scale;
}

// The definition, account by account.
std::vector<double> ReferenceUnusualness(const FeatureMatrix& matrix, const RobustScale& scale) {
  std::vector<double> out;
  for (size_t row = 0; row < matrix.row_count(); ++row) {
    double sum = 0;
    int used = 0;
    for (size_t i = 0; i < kFeatureCount; ++i) {
      if (scale.spread[i] <= 0) continue;
      const double z = static_cast<double>(matrix.column(static_cast<Feature>(i))[row] - scale.median[i]) /
                       static_cast<double>(scale.spread[i]);
      sum += std::pow(std::clamp(z, -8.0, 8.0), 2);
      ++used;
    }
    out.push_back(used == 0 ? 0 : std::sqrt(sum / used));
  }
  return out;
}

class FeatureMatrixTest : public ::testing::TestWithParam<size_t> {};

TEST_P(FeatureMatrixTest, ScaleEqualsItsDefinition) {
  const FeatureMatrix matrix = RandomMatrix(GetParam(), GetParam());
  std::vector<uint32_t> rows = AllRows(matrix);
  for (int round = 0; round < 2; ++round) {
    const RobustScale scale = matrix.ComputeScale(rows);
    const RobustScale expected = ReferenceScale(matrix, rows);
    EXPECT_EQ(scale.median, expected.median);
    EXPECT_EQ(scale.spread, expected.spread);
    rows.resize((rows.size() + 1) / 2);
  }
}

TEST_P(FeatureMatrixTest, UnusualnessEqualsItsDefinition) {
  const FeatureMatrix matrix = RandomMatrix(GetParam() + 1, GetParam());
  const RobustScale scale = matrix.ComputeScale(AllRows(matrix));
  const std::vector<float> unusualness = matrix.Unusualness(scale);
  const std::vector<double> expected = ReferenceUnusualness(matrix, scale);
  ASSERT_EQ(unusualness.size(), expected.size());
  for (size_t row = 0; row < expected.size(); ++row) {
    EXPECT_NEAR(static_cast<double>(unusualness[row]), expected[row], 1e-5 * (1 + expected[row])) << row;
    EXPECT_LE(unusualness[row], 8.001F);
  }
}

INSTANTIATE_TEST_SUITE_P(FeatureMatrix, FeatureMatrixTest, ::testing::Values(1, 2, 7, 64, 1001));

TEST(FeatureMatrixTest, NoRowsGiveZeros) {
  const FeatureMatrix matrix(0);
  const RobustScale scale = matrix.ComputeScale({});
  EXPECT_EQ(scale.median, FeatureRow{});
  EXPECT_EQ(scale.spread, FeatureRow{});
  EXPECT_TRUE(matrix.Unusualness(scale).empty());
}

TEST(FeatureMatrixTest, ConstantColumnsAreLeftOut) {
  FeatureMatrix matrix(100);
  for (size_t row = 0; row < 100; ++row) {
    FeatureRow features{};
    features[0] = static_cast<float>(row);
    features[1] = row == 0 ? 1000.0F : 3.0F;
    matrix.SetRow(row, features);
  }
  const RobustScale scale = matrix.ComputeScale(AllRows(matrix));
  EXPECT_EQ(scale.spread[1], 0);
  const std::vector<float> unusualness = matrix.Unusualness(scale);
  EXPECT_EQ(unusualness[0], std::fabs((0 - scale.median[0]) * (1 / scale.spread[0])));
}

TEST(FeatureMatrixTest, AQuarterOfOutliersMovesTheScaleLittle) {
  std::mt19937_64 random(9);
  std::normal_distribution<float> draw(10, 1);
  FeatureMatrix matrix(1000);
  for (size_t row = 0; row < 1000; ++row) {
    FeatureRow features;
    features.fill(row < 250 ? 1000.0F : draw(random));
    matrix.SetRow(row, features);
  }
  const RobustScale scale = matrix.ComputeScale(AllRows(matrix));
  EXPECT_NEAR(scale.median[0], 10.0F, 0.6F);
  EXPECT_NEAR(scale.spread[0], 1.0F, 0.7F);
}

void ExpectFinite(const FeatureRow& row) {
  for (size_t i = 0; i < kFeatureCount; ++i) {
    EXPECT_TRUE(std::isfinite(row[i])) << FeatureName(static_cast<Feature>(i));
  }
}

TEST(ExtractFeaturesTest, EmptyPortraitHasFiniteFeatures) { ExpectFinite(ExtractFeatures(Portrait())); }

TEST(ExtractFeaturesTest, ExtremeEventsHaveFiniteFeatures) {
  Observation event = EventAt(kEventTimeMin);
  event.input_tokens = event.output_tokens = event.duration_ms = event.message_count = ~uint32_t{0};
  event.choice_count = event.top_logprobs = event.logit_bias_count = 0xFFFF;
  event.temperature = std::numeric_limits<float>::quiet_NaN();
  Portrait portrait;
  for (int i = 0; i < 1000; ++i) portrait.Update(event, SomeRatios());
  event.time_unix_nano += 3000 * kNanosecondsPerDay;
  portrait.Update(event, SomeRatios());
  ExpectFinite(ExtractFeatures(portrait));
}

TEST(ExtractFeaturesTest, SharesStayBetweenZeroAndOne) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Portrait portrait;
    for (const Observation& event : RandomStream(seed, 300)) portrait.Update(event, SomeRatios());
    const FeatureRow row = ExtractFeatures(portrait);
    for (const Feature feature :
         {Feature::kSingleTurnShare, Feature::kToolShare, Feature::kTextShare, Feature::kSampledShare,
          Feature::kRepeatShare, Feature::kLogitShare, Feature::kOverlapShare, Feature::kUnreadShare,
          Feature::kRateLimitedShare, Feature::kDistinctPromptShare, Feature::kTopHeadShare,
          Feature::kReasoningElicitationShare, Feature::kSimulatedUserShare}) {
      EXPECT_GE(row[static_cast<size_t>(feature)], 0) << FeatureName(feature);
      EXPECT_LE(row[static_cast<size_t>(feature)], 1) << FeatureName(feature);
    }
  }
}

TEST(ExtractFeaturesTest, MarkerSharesStandInTheOrderOfTheMarkers) {
  for (size_t marker = 0; marker < kMarkerCount; ++marker) {
    Portrait portrait;
    Observation event = EventAt(kStart);
    event.markers = uint32_t{1} << marker;
    for (int i = 0; i < 100; ++i) portrait.Update(event, SomeRatios());
    const FeatureRow row = ExtractFeatures(portrait);
    for (size_t i = 0; i < kMarkerCount; ++i) {
      const float share = row[static_cast<size_t>(Feature::kReasoningElicitationShare) + i];
      EXPECT_EQ(share > 0.9F, i == marker);
    }
  }
}

TEST(ExtractFeaturesTest, EveryFeatureHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kFeatureCount; ++i) names.insert(FeatureName(static_cast<Feature>(i)));
  EXPECT_EQ(names.size(), kFeatureCount);
  EXPECT_FALSE(names.contains(""));
}

}  // namespace
}  // namespace stillwatch::features
