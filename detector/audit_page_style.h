// The style sheet of the audit's page.
#pragma once

namespace stillwatch::detector {

// Colours are variables, for light and dark screens; paper is always light. Fonts are the reader's own: the page loads
// nothing.
inline constexpr char kAuditPageStyle[] = R"css(
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1b2430; --soft: #586474; --line: #dce2e9; --wash: #f4f6f9;
  --bar: #6b86a8; --review: #b06f00; --review-wash: #fdf1dc; --act: #b3261e; --act-wash: #fce8e6;
  --clear: #2f6f4f; --clear-wash: #e5f3ec; --accent: #24507f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12171e; --ink: #e4e9ef; --soft: #9aa7b6; --line: #2b3542; --wash: #1a212b;
    --bar: #6f93bf; --review: #f0b04a; --review-wash: #3a2c12; --act: #ff8a80; --act-wash: #421c1a;
    --clear: #7fd0a5; --clear-wash: #15332a; --accent: #8fbcec;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif;
}
main { max-width: 1040px; margin: 0 auto; padding: 40px 28px 80px; }
header { border-bottom: 3px solid var(--accent); padding-bottom: 18px; margin-bottom: 26px; }
header p { margin: 4px 0 0; color: var(--soft); }
.kicker { text-transform: uppercase; letter-spacing: .12em; font-size: 12px; font-weight: 600; color: var(--accent); }
h1 { margin: 4px 0 0; font-size: 30px; line-height: 1.2; letter-spacing: -.01em; }
h2 { margin: 46px 0 12px; font-size: 21px; border-bottom: 1px solid var(--line); padding-bottom: 6px; }
h3 { margin: 0; font-size: 17px; overflow-wrap: anywhere; }
h4 { margin: 22px 0 2px; font-size: 14px; color: var(--soft); font-weight: 600; }
p, li { max-width: 78ch; }
.lead { font-size: 18px; }
.note { color: var(--soft); font-size: 14px; }
.warning { border-left: 4px solid var(--act); background: var(--act-wash); padding: 10px 14px; border-radius: 4px; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(148px, 1fr)); gap: 12px; margin: 22px 0; }
.figures div { background: var(--wash); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; }
.figures b { display: block; font-size: 25px; line-height: 1.25; font-variant-numeric: tabular-nums; }
.figures span { color: var(--soft); font-size: 13px; }
.figures .act b { color: var(--act); }
.figures .review b { color: var(--review); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 5px 24px; margin: 12px 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; margin: 10px 0; }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 2px solid var(--line); }
th, td { padding: 6px 10px; vertical-align: top; }
td { border-bottom: 1px solid var(--line); }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.t { white-space: nowrap; font-variant-numeric: tabular-nums; }
.term { white-space: nowrap; }
.id { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .94em; }
.id bdi { overflow-wrap: anywhere; }
tr.silent td { color: var(--soft); }
td.soft { color: var(--soft); font-size: 13px; }
tr.sum td { font-weight: 700; border-top: 2px solid var(--line); border-bottom: 0; }
.chip { display: inline-block; border-radius: 20px; padding: 0 10px; font-size: 13px; font-weight: 600; }
.chip.act { color: var(--act); background: var(--act-wash); }
.chip.review { color: var(--review); background: var(--review-wash); }
.chip.clear { color: var(--clear); background: var(--clear-wash); }
.card { border: 1px solid var(--line); border-radius: 10px; padding: 18px 20px 10px; margin: 18px 0; }
.card > header { display: flex; gap: 12px; align-items: baseline; border: 0; margin: 0 0 8px; padding: 0; }
.card > header .n { margin-left: auto; color: var(--soft); font-size: 14px; }
.card dl { font-size: 14px; grid-template-columns: max-content 1fr max-content 1fr; }
.share { display: block; height: 9px; border-radius: 2px; background: var(--bar); margin-top: 6px; min-width: 1px; }
.plot { display: block; width: 100%; height: auto; margin: 4px 0 8px; }
.plot text { font-size: 12px; fill: var(--soft); font-family: inherit; font-variant-numeric: tabular-nums; }
.plot .axis { font-weight: 600; }
.plot .middle { text-anchor: middle; }
.plot .end { text-anchor: end; }
.plot .grid { stroke: var(--line); stroke-width: 1; }
.plot .tick { stroke: var(--soft); stroke-width: 1; }
.plot .bar { fill: var(--bar); }
.plot .bar.review { fill: var(--review); }
.plot .bar.act { fill: var(--act); }
.plot .mark line { stroke-width: 1.5; stroke-dasharray: 5 3; }
.plot .mark text { font-weight: 600; }
.plot .mark.review line { stroke: var(--review); }
.plot .mark.review text { fill: var(--review); }
.plot .mark.act line { stroke: var(--act); }
.plot .mark.act text { fill: var(--act); }
footer { margin-top: 50px; border-top: 1px solid var(--line); padding-top: 12px; color: var(--soft); font-size: 13px; }
@media (max-width: 700px) {
  main { padding: 24px 16px 60px; }
  dl, .card dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 8px; }
}
@page { margin: 16mm 14mm; }
@media print {
  :root {
    color-scheme: light;
    --paper: #ffffff; --ink: #000000; --soft: #444d57; --line: #c9d0d8; --wash: #f6f7f9;
    --bar: #5b779b; --review: #915b00; --review-wash: #fbf0dd; --act: #a11b14; --act-wash: #fae6e4;
    --clear: #23593e; --clear-wash: #e6f2ec; --accent: #1d4571;
  }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  h2, h3, h4 { break-after: avoid; }
  .card, .plot, tr, .figures { break-inside: avoid; }
  .scroll { overflow: visible; }
  thead { display: table-header-group; }
}
)css";

}  // namespace stillwatch::detector
