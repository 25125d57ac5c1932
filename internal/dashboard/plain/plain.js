// The page without a build: a wearer's day and the office as tables.
'use strict';

const $ = (id) => document.getElementById(id);
let live;

async function ask(path) {
  let response;
  try {
    response = await fetch('api/v1/' + path);
  } catch {
    throw new Error('The server does not answer. Is sitwell running?');
  }
  const body = await response.json();
  if (!response.ok) throw new Error(body.error.message);
  return body;
}

// Everything foreign goes in as text, never as markup.
function element(tag, text, ...children) {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  e.append(...children);
  return e;
}

function table(head, rows) {
  const line = (tag) => (cells) => element('tr', undefined, ...cells.map((c) => element(tag, c ?? '–')));
  return element('table', undefined, element('thead', undefined, line('th')(head)), element('tbody', undefined, ...rows.map(line('td'))));
}

const minutes = (n) => (n > 0 && n < 1 ? 'under 1 min' : n < 60 ? `${Math.round(n)} min` : `${Math.floor(Math.round(n) / 60)} h ${Math.round(n) % 60} min`);
const sentence = (text) => text && text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
const degrees = (n) => (n === null || n === undefined ? undefined : `${Math.round(n)}°`);

// What the rules are called; one of a newer server is called as it calls itself.
const rules = {
  slouch: 'Leaning or slouching',
  load: 'Load on the back',
  hold: 'Held position',
  sitting: 'Long sitting',
  immobility: 'Sitting still',
  lean: 'Leaning to one side',
  sudden_movement: 'Sudden movement',
  bending: 'Repeated bending',
  hydration: 'Time for a drink',
  offline: 'Offline',
  battery: 'Battery low',
  calibration: 'Calibration needed: measure the upright pose again',
};
const nameOf = (e) => (e.rule === 'lean' && e.cause ? `Leaning to the ${e.cause}` : (rules[e.rule] ?? e.rule.replaceAll('_', ' ')));
const percent = (n) => `${Math.round(100 * n)} %`;

function showDay(day) {
  const clock = (at) => new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: day.zone }).format(new Date(at));
  const t = day.totals;
  const parts = [];
  if (day.minutes.minute.length === 0) parts.push(element('p', 'No readings on this day.'));
  else {
    parts.push(
      table(
        ['Sitting', 'Longest bout', 'Standing', 'Moving', 'Breaks', 'At 15° and more', 'Mean flexion'],
        [[minutes(t.sitting_min), minutes(t.longest_bout_min), minutes(t.standing_min), minutes(t.moving_min), String(t.breaks), minutes(t.slouched_min), degrees(t.flexion_deg)]],
      ),
      table(
        ['Posture shifts an hour', 'Leaning left', 'Leaning right', 'Highest load'],
        [[t.shifts_an_hour === null ? undefined : String(Math.round(t.shifts_an_hour)), minutes(t.lean_left_min), minutes(t.lean_right_min), percent(t.load_peak)]],
      ),
      element('p', 'Load is a model by analogy, not a measurement of your back and not a medical limit.'),
    );
    const hours = new Map();
    day.minutes.minute.forEach((minute, i) => {
      const key = Math.floor((minute - Date.parse(day.from) / 60000) / 60);
      const h = hours.get(key) ?? { at: minute * 60000, sitting: 0, moving: 0, slouched: 0 };
      h.sitting += day.minutes.sitting_s[i] / 60;
      h.moving += day.minutes.moving_s[i] / 60;
      h.slouched += day.minutes.slouched_s[i] / 60;
      hours.set(key, h);
    });
    parts.push(table(['From', 'Sitting', 'Moving', 'Leaning or slouching'], [...hours.values()].map((h) => [clock(h.at), minutes(h.sitting), minutes(h.moving), minutes(h.slouched)])));
  }
  const followed = (n) => {
    if (n.status === 'held') return n.why ? `Held back: ${sentence(n.why)}` : 'Held back.';
    return sentence(n.correction_s === undefined ? (n.reply ?? 'sent') : `corrected after ${Math.round(n.correction_s)} s`);
  };
  if (day.nudges.length > 0) parts.push(table(['Nudge', 'Text', 'Reason', 'What followed'], day.nudges.map((n) => [clock(n.time), n.text, sentence(n.reason), followed(n)])));
  else parts.push(element('p', 'No nudges on this day.'));
  if (day.episodes.length > 0) {
    const upkeep = ['hydration', 'offline', 'battery', 'calibration']; // of which a severity says nothing
    const line = (e) => [clock(e.start), nameOf(e), e.seconds >= 1 ? minutes(e.seconds / 60) : undefined, upkeep.includes(e.rule) ? undefined : e.severity];
    parts.push(table(['From', 'What', 'For', 'Severity'], day.episodes.map(line)));
  }
  $('day').replaceChildren(...parts);
}

function showOffice(office) {
  const last = office.office.length - 1;
  const row = (name, w) => [name, ...(w.suppressed ? [`fewer than ${office.k}`] : [w.contributors, minutes(w.sitting_min), `${w.slouched_pct} %`, String(w.breaks), degrees(w.flexion_deg)])];
  $('office').replaceChildren(
    element('p', `Week ${office.office[last].label}: means of at least ${office.k} people. Small teams are pooled, and nothing is live, so that nobody can be picked out. Figures are made soon after a week is over, and again each hour for three days.`),
    table(
      ['Group', 'People', 'Sitting a day', 'Leaning or slouching', 'Breaks a day', 'Mean flexion'],
      [row('Whole office', office.office[last]), ...office.groups.map((g) => row(g.name, g.weeks[last]))],
    ),
  );
}

// How people and their devices come to be here.
function steps(org) {
  const o = org ?? 'ORG';
  const commands = [`wearer add ${o} WEARER`, `device add ${o} DEVICE`, `device assign ${o} DEVICE --wearer WEARER`];
  if (!org) commands.unshift('org add ORG --zone Europe/Vienna');
  const list = commands.map((c) => element('li', undefined, element('code', `sitwell ${c}`)));
  const words = 'People and their devices are added on the command line, with ids of your choice. Nothing appears before the last step.';
  return element('div', undefined, element('p', words), element('ol', undefined, ...list));
}

function watch(org, wearer) {
  live?.close();
  $('now').textContent = 'Waiting for a reading.';
  live = new EventSource(`api/v1/live?org=${org}&wearer=${wearer}`);
  live.addEventListener('posture', (e) => {
    const p = JSON.parse(e.data);
    const what = p.moving ? 'moving' : p.sitting ? 'sitting' : 'on the feet';
    const stale = p.stale ? ' Your sensor seems to have moved: measure your upright pose again.' : '';
    $('now').textContent = !p.worn ? 'Not worn.' : `${p.shown ? `${degrees(p.flexion_deg)} of forward flexion, ` : ''}${what}.${stale}`;
  });
  for (const kind of ['finding', 'nudge']) live.addEventListener(kind, () => setTimeout(attempt, 1500, readDay));
}

async function readDay() {
  const date = $('date').value;
  showDay(await ask(`orgs/${$('org').value}/wearers/${$('wearer').value}/day${date ? `?date=${date}` : ''}`));
}

async function chooseOrg() {
  const org = $('org').value;
  const { wearers } = await ask(`orgs/${org}/wearers`);
  $('wearer').replaceChildren(...wearers.map((w) => new Option(w.name || w.id, w.id)));
  showOffice(await ask(`orgs/${org}/office`));
  if (wearers.length > 0) return chooseWearer();
  live?.close();
  $('now').textContent = 'Nobody is in this organisation yet.';
  $('day').replaceChildren(steps(org));
}

async function chooseWearer() {
  watch($('org').value, $('wearer').value);
  await readDay();
}

async function begin() {
  const { orgs } = await ask('orgs');
  $('org').replaceChildren(...orgs.map((o) => new Option(o.name, o.id)));
  if (orgs.length === 0) {
    $('now').textContent = 'Nobody is here yet.';
    $('day').replaceChildren(steps());
    return;
  }
  await chooseOrg();
}

async function attempt(what) {
  try {
    await what();
    $('problem').hidden = true;
  } catch (err) {
    $('problem').textContent = err.message;
    $('problem').hidden = false;
  }
}

$('choose').addEventListener('submit', (e) => e.preventDefault());
$('org').addEventListener('change', () => attempt(chooseOrg));
$('wearer').addEventListener('change', () => attempt(chooseWearer));
$('date').addEventListener('change', () => attempt(readDay));
attempt(begin);
