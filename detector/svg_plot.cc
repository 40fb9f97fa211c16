#include "detector/svg_plot.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "proto/limits.h"

namespace stillwatch::detector {
namespace {

constexpr double kWidth = 960;
constexpr double kLeft = 64;
constexpr double kRight = 12;
constexpr double kTop = 48;  // Room for the axis's title and two rows of marks' labels.
constexpr double kBottom = 44;
constexpr double kMarkRow = 14;
// A label is about this wide; nearer marks take the second row.
constexpr double kMarkLabelWidth = 190;
constexpr double kTickCountMax = 10;
// Where a logarithmic axis begins, so that a single one still has a bar.
constexpr double kLogFloor = 0.5;

// The frame of a plot: from bars and values to points.
class Frame {
 public:
  explicit Frame(const BarPlot& plot)
      : is_log_(plot.y_scale == PlotScale::kLogarithmic),
        height_(plot.height_px),
        bar_width_((kWidth - kLeft - kRight) / static_cast<double>(std::max<size_t>(plot.values.size(), 1))) {
    uint64_t largest = 1;
    for (const uint64_t value : plot.values) largest = std::max(largest, value);
    top_value_ = static_cast<double>(largest) * (is_log_ ? 1.5 : 1.05);
  }

  double X(double position) const { return kLeft + position * bar_width_; }
  double Y(double value) const {
    const double share = is_log_ ? std::log(std::max(value, kLogFloor) / kLogFloor) / std::log(top_value_ / kLogFloor)
                                 : value / top_value_;
    return bottom() - share * (bottom() - kTop);
  }
  double bottom() const { return height_ - kBottom; }
  double height() const { return height_; }
  double bar_width() const { return bar_width_; }

  std::vector<double> ValueTicks() const {
    std::vector<double> ticks;
    if (is_log_) {
      for (double decade = 1; decade <= top_value_; decade *= 10) ticks.push_back(decade);
      return ticks;
    }
    const double rough = top_value_ / 4;
    const double decade = std::pow(10, std::floor(std::log10(rough)));
    const double step = std::max(1.0, rough < 2 * decade ? decade : rough < 5 * decade ? 2 * decade : 5 * decade);
    for (double value = 0; value <= top_value_; value += step) ticks.push_back(value);
    return ticks;
  }

 private:
  bool is_log_;
  double height_;
  double bar_width_;
  double top_value_;
};

void DrawGrid(const BarPlot& plot, const Frame& frame, MarkupWriter& out) {
  for (const double value : frame.ValueTicks()) {
    const double y = frame.Y(value);
    out.Raw("<line class=\"grid\" x1=\"")
        .Number(kLeft)
        .Raw("\" x2=\"")
        .Number(kWidth - kRight)
        .Raw("\" y1=\"")
        .Number(y);
    out.Raw("\" y2=\"").Number(y).Raw("\"/><text class=\"end\" x=\"").Number(kLeft - 6).Raw("\" y=\"").Number(y + 4);
    out.Raw("\">").Text(FormatCount(static_cast<uint64_t>(value))).Raw("</text>");
  }
  for (const BarPlot::Tick& tick : plot.ticks) {
    const double x = frame.X(tick.position);
    out.Raw("<line class=\"tick\" x1=\"").Number(x).Raw("\" x2=\"").Number(x).Raw("\" y1=\"").Number(frame.bottom());
    out.Raw("\" y2=\"").Number(frame.bottom() + 5).Raw("\"/><text class=\"middle\" x=\"").Number(x);
    out.Raw("\" y=\"").Number(frame.bottom() + 18).Raw("\">").Text(tick.label).Raw("</text>");
  }
  out.Raw("<text class=\"axis middle\" x=\"").Number((kLeft + kWidth - kRight) / 2).Raw("\" y=\"");
  out.Number(frame.height() - 8).Raw("\">").Text(plot.x_title).Raw("</text><text class=\"axis\" x=\"4\" y=\"12\">");
  out.Text(plot.y_title).Raw("</text>");
}

void DrawBars(const BarPlot& plot, const Frame& frame, MarkupWriter& out) {
  const double gap = frame.bar_width() > 4 ? 1 : 0;
  for (size_t i = 0; i < plot.values.size(); ++i) {
    if (plot.values[i] == 0) continue;
    const Tone tone = plot.tones.empty() ? Tone::kNeutral : plot.tones[i];
    if (tone == Tone::kAct) {
      out.Raw("<rect class=\"bar act\" x=\"");
    } else if (tone == Tone::kReview) {
      out.Raw("<rect class=\"bar review\" x=\"");
    } else {
      out.Raw("<rect class=\"bar\" x=\"");
    }
    // At least a point high, or a bar of few beside one of many could not be seen.
    const double y = std::min(frame.Y(static_cast<double>(plot.values[i])), frame.bottom() - 1);
    out.Number(frame.X(static_cast<double>(i))).Raw("\" y=\"").Number(y).Raw("\" width=\"");
    out.Number(std::max(frame.bar_width() - gap, 0.5)).Raw("\" height=\"").Number(frame.bottom() - y).Raw("\"><title>");
    if (i < plot.descriptions.size()) out.Text(plot.descriptions[i]).Raw(": ");
    out.Text(FormatCount(plot.values[i])).Raw("</title></rect>");
  }
  out.Raw("<line class=\"tick\" x1=\"").Number(kLeft).Raw("\" x2=\"").Number(kWidth - kRight).Raw("\" y1=\"");
  out.Number(frame.bottom()).Raw("\" y2=\"").Number(frame.bottom()).Raw("\"/>");
}

void DrawMarks(const BarPlot& plot, const Frame& frame, MarkupWriter& out) {
  double last_x = -kWidth;
  bool is_second_row = false;
  for (const BarPlot::Mark& mark : plot.marks) {
    const double x = frame.X(mark.position);
    is_second_row = std::fabs(x - last_x) < kMarkLabelWidth && !is_second_row;
    last_x = x;
    const double y = kTop - kMarkRow * (is_second_row ? 0 : 1) - 4;
    if (mark.tone == Tone::kAct) {
      out.Raw("<g class=\"mark act\"><line x1=\"");
    } else {
      out.Raw("<g class=\"mark review\"><line x1=\"");
    }
    out.Number(x).Raw("\" x2=\"").Number(x).Raw("\" y1=\"").Number(y - 8).Raw("\" y2=\"").Number(frame.bottom());
    // Near the right edge the label stands to the left of its line.
    const bool is_right = x > kWidth - kMarkLabelWidth;
    if (is_right) {
      out.Raw("\"/><text class=\"end\" x=\"").Number(x - 4);
    } else {
      out.Raw("\"/><text x=\"").Number(x + 4);
    }
    out.Raw("\" y=\"").Number(y).Raw("\">").Text(mark.label).Raw("</text></g>");
  }
}

// Lengths of time that people count in.
constexpr std::array<int64_t, 12> kTickSteps = {
    kNanosecondsPerHour,     3 * kNanosecondsPerHour, 6 * kNanosecondsPerHour,  12 * kNanosecondsPerHour,
    kNanosecondsPerDay,      2 * kNanosecondsPerDay,  7 * kNanosecondsPerDay,   14 * kNanosecondsPerDay,
    30 * kNanosecondsPerDay, 91 * kNanosecondsPerDay, 182 * kNanosecondsPerDay, 365 * kNanosecondsPerDay};

}  // namespace

MarkupWriter DrawSvg(const BarPlot& plot) {
  const Frame frame(plot);
  MarkupWriter out;
  out.Raw("<svg class=\"plot\" viewBox=\"0 0 ").Number(kWidth).Raw(" ").Number(plot.height_px);
  out.Raw("\" role=\"img\" aria-label=\"").Text(plot.title).Raw("\">");
  DrawGrid(plot, frame, out);
  DrawBars(plot, frame, out);
  DrawMarks(plot, frame, out);
  out.Raw("</svg>\n");
  return out;
}

std::vector<BarPlot::Tick> TimeTicks(int64_t first_unix_nano, int64_t period_nano, size_t bar_count) {
  std::vector<BarPlot::Tick> ticks;
  const int64_t span = period_nano * static_cast<int64_t>(bar_count);
  const auto step = std::find_if(kTickSteps.begin(), kTickSteps.end() - 1, [span](int64_t candidate) {
    return static_cast<double>(span) / static_cast<double>(candidate) <= kTickCountMax;
  });
  // Longer than ten years: several times the longest step.
  const int64_t step_nano = *step * ((span / *step - 1) / static_cast<int64_t>(kTickCountMax) + 1);
  for (int64_t time = (first_unix_nano + step_nano - 1) / step_nano * step_nano; time < first_unix_nano + span;
       time += step_nano) {
    const bool is_midnight = time % kNanosecondsPerDay == 0;
    ticks.push_back({static_cast<double>(time - first_unix_nano) / static_cast<double>(period_nano),
                     is_midnight ? FormatUtcDate(time) : FormatUtcClock(time)});
  }
  return ticks;
}

}  // namespace stillwatch::detector
