// The page in a real browser, against a running sitwell with an office in it:
//
//   SITWELL_URL=http://127.0.0.1:8080 npm run e2e
//
// CHROMIUM names the browser, SITWELL_SCREENSHOTS the folder for pictures of what
// was seen (a temporary one by default).
import assert from 'node:assert/strict';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { open } from './browser.mjs';

const base = (process.env.SITWELL_URL ?? '').replace(/\/$/, '');
assert.ok(base, 'set SITWELL_URL to the address of a running sitwell');

const patience = 20_000; // ms for something on the page
const nudgeWithin = 180_000; // ms for somebody to be nudged

const looks = [
  { name: 'light', viewport: { width: 1280, height: 900 }, colorScheme: 'light' },
  { name: 'dark', viewport: { width: 1280, height: 900 }, colorScheme: 'dark' },
  { name: 'phone', viewport: { width: 390, height: 844 }, colorScheme: 'light', hasTouch: true },
];

// What each rule is called.
const names = {
  slouch: 'Leaning or slouching', load: 'Load on the back', hold: 'Held position', sitting: 'Long sitting', immobility: 'Sitting still', lean: 'Leaning to the left',
  sudden_movement: 'Sudden movement', bending: 'Repeated bending', hydration: 'Time for a drink', offline: 'Offline', battery: 'Battery low', calibration: 'Calibration needed',
};

async function ask(path) {
  const response = await fetch(`${base}/api/v1/${path}`);
  assert.equal(response.status, 200, path);
  return response.json();
}

/** somebody finds an organisation and a wearer who was nudged today. */
async function somebody() {
  const { orgs } = await ask('orgs');
  const lists = await Promise.all(orgs.map(async (org) => ({ org, wearers: (await ask(`orgs/${org.id}/wearers`)).wearers })));
  const { org, wearers } = lists.sort((a, b) => b.wearers.length - a.wearers.length)[0];
  assert.ok(wearers.length > 0, 'there is nobody to look at');
  for (const end = Date.now() + nudgeWithin; Date.now() < end; await sleep(2000)) {
    for (const wearer of wearers) {
      const day = await ask(`orgs/${org.id}/wearers/${wearer.id}/day`);
      if (day.nudges.some((n) => n.status === 'sent')) return { org, wearers, wearer, day };
    }
  }
  assert.fail('nobody was nudged');
}

/** made waits until the office's figures of a past week are there: they are made a moment after the last reading of it has come. */
async function made(org) {
  for (const end = Date.now() + nudgeWithin; Date.now() < end; await sleep(1000)) {
    const office = await ask(`orgs/${org.id}/office`);
    if (office.made && office.office.some((w) => !w.suppressed)) return;
  }
  assert.fail('no figures of the office were made');
}

const tables = { folder: '', found: undefined };

before(async () => {
  tables.folder = process.env.SITWELL_SCREENSHOTS || (await mkdtemp(join(tmpdir(), 'sitwell-screens-')));
  await mkdir(tables.folder, { recursive: true });
  console.log(`screenshots go to ${tables.folder}`);
  tables.found = await somebody();
  await made(tables.found.org);
});

/** visit runs act on a page and then holds it to having had no error at all. */
async function visit(look, act) {
  const { context, close } = await open({ viewport: look.viewport, colorScheme: look.colorScheme, hasTouch: look.hasTouch ?? false });
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    page.setDefaultTimeout(patience);
    const wrong = [];
    page.on('console', (m) => ['error', 'warning'].includes(m.type()) && wrong.push(`console: ${m.text()}`));
    page.on('pageerror', (err) => wrong.push(`script: ${err.message}`));
    page.on('response', (r) => r.status() >= 400 && wrong.push(`${r.status()} ${r.url()}`));
    page.on('request', (r) => new URL(r.url()).origin === new URL(base).origin || wrong.push(`foreign: ${r.url()}`));
    await act(page);
    assert.deepEqual(wrong, []);
  } finally {
    await close();
  }
}

/** at goes to a place of the page. */
const at = (page, hash) => page.goto(`${base}/${hash}`);

const shot = (page, name) => page.screenshot({ path: join(tables.folder, `${name}.png`), fullPage: true });

/** painted counts the colours on a chart, to tell it from an empty one. */
const painted = (page, selector) =>
  page.locator(`${selector} canvas`).first().evaluate((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set();
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200) colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
    return colours.size;
  });

async function fits(page) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= window, `the page is ${content} wide in a window of ${window}`);
}

async function brightness(page) {
  const colour = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  return Math.max(...colour.match(/\d+/g).slice(0, 3).map(Number));
}

for (const look of looks) {
  describe(look.name, () => {
    it('shows a wearer live, and the day', () =>
      visit(look, async (page) => {
        const { org, wearers, wearer } = tables.found;
        await at(page, `#/${org.id}/${wearer.id}`);
        await page.getByRole('heading', { level: 1, name: wearer.name }).waitFor();
        assert.ok(look.colorScheme === 'dark' ? (await brightness(page)) < 60 : (await brightness(page)) > 200, 'the theme is not the system’s');

        const people = look.name === 'phone' ? page.locator('.choose option') : page.locator('nav[aria-label="Wearers"] a');
        assert.equal(await people.count(), wearers.length);

        const angle = page.locator('[data-flexion]');
        await page.waitForFunction(() => document.querySelector('[data-flexion]')?.dataset.flexion);
        const first = await angle.getAttribute('data-flexion');
        await page.waitForFunction((was) => document.querySelector('[data-flexion]')?.dataset.flexion !== was, first);
        await page.getByText('Live', { exact: true }).waitFor();
        // The trace reaches back to before the page was opened.
        await page.waitForFunction(() => {
          const points = document.querySelector('.trace path')?.getAttribute('d')?.match(/(?<=[ML])[\d.]+/g) ?? [];
          return points.filter((x) => x < 300).length > 5;
        });

        const numbers = page.getByRole('list', { name: 'The day in numbers' });
        await numbers.waitFor();
        assert.match(await numbers.innerText(), /Sitting/);
        await page.locator('section[aria-label="The day in time"] canvas').first().waitFor();
        assert.ok((await painted(page, 'section[aria-label="The day in time"]')) > 5, 'the chart of the day is empty');
        await page.locator('section[aria-label="The day in time"] canvas').first().hover();
        await page.locator('.tip').first().waitFor(); // the content policy lets it through
        await page.getByText('By the hour, as a table').click();
        assert.match(await page.locator('section[aria-label="The day in time"] tbody').innerText(), /\d+°/, 'no hour has a flexion');

        const nudges = page.locator('section[aria-label="Nudges"] li');
        assert.ok((await nudges.count()) >= 1, 'there is no nudge');
        assert.ok((await page.locator('section[aria-label="Nudges"]').innerText()).length > 40, 'the nudges have no words');
        await fits(page);
        await shot(page, `wearer-${look.name}`);

        // Why: the receipt, proved again by the server, and its curve.
        const why = nudges.first().getByRole('button', { name: /^Why\?/ });
        await why.press('Enter');
        const panel = page.getByRole('dialog');
        await panel.getByText(/^Judged again just now: the same/).waitFor();
        assert.match(await panel.innerText(), /What tripped it[^]*Judged under/);
        await panel.locator('canvas').first().waitFor();
        assert.ok((await painted(page, 'dialog')) > 5, 'the curve is empty');
        await shot(page, `why-${look.name}`);
        await page.keyboard.press('Escape');
        await panel.waitFor({ state: 'detached' });
        assert.ok(await why.evaluate((b) => b === document.activeElement), 'the focus did not come back');
      }));

    it('shows the office in groups', () =>
      visit(look, async (page) => {
        const { org } = tables.found;
        await at(page, `#/${org.id}`);
        await page.getByRole('heading', { level: 1, name: org.name }).waitFor();
        const groups = page.locator('[data-group]');
        await groups.first().waitFor();
        const summary = await ask(`orgs/${org.id}/office`);
        assert.equal(await groups.count(), summary.groups.length);
        assert.match(await page.locator('section[aria-label="Whole office"]').innerText(), /(10–19|20–49|50\+) people/);
        await page.getByRole('heading', { name: /Why groups/ }).waitFor();
        if (summary.days.some((d) => !d.suppressed)) {
          await page.waitForFunction(() => document.querySelector('section[aria-label="By day"] canvas'));
          assert.ok((await painted(page, 'section[aria-label="By day"]')) > 1, 'the chart by day is empty');
        }
        assert.match(await page.locator('[data-made]').innerText(), /made on \w+ \d+ \w+ \d{4}, \d\d:\d\d/);
        await page.getByText(/once at least 100 people have worn/).waitFor(); // a demo has sixty
        await fits(page);
        await shot(page, `office-${look.name}`);

        const hour = (day, h) =>
          day < 5 && h > 7 && h < 18
            ? { months: 3, sitting_min: 30 + ((7 * day + 5 * h) % 28), slouched_pct: (11 * h) % 60, breaks: (h % 9) / 5, flexion_deg: 12 }
            : { months: 0, sitting_min: null, slouched_pct: null, breaks: null, flexion_deg: null };
        const heat = await ask(`orgs/${org.id}/office/heatmap`);
        const hours = heat.hours.map((day, i) => day.map((_, h) => hour(i, h)));
        await page.route('**/office/heatmap', (route) => route.fulfill({ json: { ...heat, hours } }));
        await page.reload();
        const map = page.locator('section[aria-label="By the hour of the week"]');
        await map.locator('canvas').first().waitFor();
        assert.ok((await painted(page, 'section[aria-label="By the hour of the week"]')) > 5, 'the heat map is empty');
        await map.getByRole('button', { name: 'Breaks' }).click();
        await map.getByText('As a table').click();
        assert.equal(await map.locator('tbody tr').count(), 10);
        await fits(page);
        await map.scrollIntoViewIfNeeded();
        await shot(page, `heatmap-${look.name}`);
      }));
  });
}

describe('getting about', () => {
  it('begins with somebody, and goes by links and keys', () =>
    visit(looks[0], async (page) => {
      const { org, wearers, wearer } = tables.found;
      await at(page, '');
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.waitForURL(/#\/[a-z0-9_-]+\/[a-z0-9_-]+$/);

      await at(page, `#/${org.id}/${wearer.id}`);
      await page.getByRole('heading', { level: 1, name: wearer.name }).waitFor();
      const before = await brightness(page);
      await page.getByRole('button', { name: 'Switch to dark' }).press('Enter');
      assert.ok((await brightness(page)) < before, 'the theme did not change');
      await page.reload();
      await page.getByRole('button', { name: 'Switch to light' }).waitFor();

      await page.getByRole('button', { name: 'Previous day' }).press('Enter');
      await page.waitForURL(/\?date=\d{4}-\d{2}-\d{2}$/);
      await page.goBack();
      await page.waitForURL((url) => !url.hash.includes('date='));

      await page.getByRole('searchbox', { name: 'Find a wearer' }).fill(wearers.at(-1).name);
      await page.locator('nav[aria-label="Wearers"] a').first().press('Enter');
      await page.getByRole('heading', { level: 1, name: wearers.at(-1).name, exact: true }).waitFor();
      await page.getByRole('link', { name: 'Office' }).click();
      await page.getByRole('heading', { name: 'Whole office' }).waitFor();
    }));

  it('says in words where there is nothing', () =>
    visit(looks[0], async (page) => {
      const { org, wearer } = tables.found;
      await at(page, `#/${org.id}/${wearer.id}?date=2001-01-01`);
      await page.getByRole('heading', { name: 'No readings on this day' }).waitFor();
      await at(page, `#/${org.id}/nobody-at-all`);
      await page.getByRole('heading', { name: 'There is no such wearer' }).waitFor();
      await page.getByRole('navigation', { name: 'Wearers' }).getByRole('link', { name: wearer.name, exact: true }).click();
      await page.getByRole('heading', { level: 1, name: wearer.name }).waitFor();
      await at(page, '#/no-such-office');
      await page.getByRole('heading', { name: 'There is no such organisation' }).waitFor();
      await page.getByRole('main').getByRole('link', { name: org.name, exact: true }).click();
      await page.getByRole('heading', { level: 1, name: org.name }).waitFor();
    }));

  it('keeps whoever is shown in sight in the list, and the focus on them', () =>
    visit({ ...looks[0], viewport: { width: 1280, height: 420 } }, async (page) => {
      const { org } = tables.found;
      const list = page.getByRole('navigation', { name: 'Wearers' });
      await at(page, `#/${org.id}/${tables.found.wearer.id}`);
      await list.waitFor();
      const addresses = await list.getByRole('link').evaluateAll((links) => links.map((a) => a.getAttribute('href')));
      for (const address of [addresses.at(-1), addresses[0], addresses[Math.floor(addresses.length / 2)]]) {
        await at(page, address);
        await page.reload();
        const chosen = list.locator('[aria-current]');
        await chosen.waitFor();
        const [top, bottom, end] = await chosen.evaluate((a) => {
          const box = a.closest('.scroll').getBoundingClientRect();
          const own = a.getBoundingClientRect();
          return [own.top - box.top, box.bottom - own.bottom, innerHeight - own.bottom];
        });
        assert.ok(Math.min(top, bottom, end) > -1, `${address} is ${top}, ${bottom} and ${end} px within its list and the window`);
        assert.equal(await page.evaluate(() => scrollY), 0, 'the page itself was scrolled');
      }
      await list.getByRole('link').nth(1).press('Enter');
      await page.waitForURL((url) => url.hash === addresses[1]);
      assert.equal(await page.evaluate(() => document.activeElement.getAttribute('href')), addresses[1], 'the focus left the list');
    }));

  it('shows what nobody sees in a demo: the first steps, the first seconds, no figures', () =>
    visit(looks[0], async (page) => {
      const { org, wearer, day } = tables.found;
      const answer = (path, body) => page.route(`**/api/v1/orgs${path}`, (route) => route.fulfill({ json: body }));
      const columns = Object.fromEntries(Object.keys(day.minutes).map((name) => [name, [name === 'minute' ? Math.floor(Date.now() / 60_000) : 0]]));
      const totals = { ...day.totals, sitting_min: 0.1, standing_min: 0, moving_min: 0, not_worn_min: 0, upright_min: 0, slouched_min: 0.1, slouched_share: 1 };
      await answer(`/${org.id}/wearers/${wearer.id}/day*`, { ...day, minutes: columns, totals, nudges: [], episodes: [] });
      await at(page, `#/${org.id}/${wearer.id}`);
      await page.getByRole('heading', { name: 'Less than a minute of readings' }).waitFor();
      assert.equal(await page.getByText('100 %').count(), 0);
      await shot(page, 'seconds');

      const office = await ask(`orgs/${org.id}/office`);
      const hide = (list) => list.map((w) => ({ ...w, suppressed: true, contributors: undefined, sitting_min: null, slouched_pct: null, breaks: null, flexion_deg: null }));
      await answer(`/${org.id}/office`, { ...office, groups: [], office: hide(office.office), days: hide(office.days) });
      await page.getByRole('link', { name: 'Office' }).click();
      await page.getByRole('heading', { name: 'There is nothing to show yet' }).waitFor();
      assert.equal(await page.getByText(/No figures/).count(), 0);
      await shot(page, 'office-empty');

      await answer('', { orgs: [] });
      await page.reload();
      await page.getByText('sitwell device assign ORG DEVICE --wearer WEARER').waitFor();
      await shot(page, 'first-steps');
      await page.unroute('**/api/v1/orgs');
      await page.getByRole('button', { name: 'Look again' }).click();
      await page.getByRole('heading', { level: 1, name: org.name }).waitFor();
    }));

  it('shows every rule, a day that stands out and a sensor that moved', () =>
    visit(looks[0], async (page) => {
      const { org, wearer, day } = tables.found;
      const start = new Date(day.minutes.minute.at(-1) * 60_000).toISOString();
      const episodes = Object.keys(names).map((rule, i) => ({
        id: `e${i}`, rule, start, ...(i % 2 === 0 ? { end: start, outcome: 'recovered' } : {}), level: 2, seconds: 60 * i, severity: 'moderate',
        ...(rule === 'lean' ? { cause: 'left' } : {}), ...(rule === 'calibration' ? { cause: 'drift' } : {}),
      }));
      const totals = { ...day.totals, lean_left_min: 50, lean_right_min: 4, lean_index: 0.85, one_sided: 'left', bent_share: 0.07, bent_much: true };
      await page.route('**/api/v1/orgs/*/wearers/*/day*', (route) => route.fulfill({ json: { ...day, episodes, totals } }));
      const posture = {
        seq: 1, time: Date.now(), flexion_deg: 8, lean_deg: 0, shown: true, known: false, stale: true, worn: true, moving: false, motion_known: true, sitting: true,
        sitting_known: true, curve_deg: 12, curve_known: true, neck_deg: 21, neck_known: true, load: 0.42, hold: 0, dwell_s: 0, bout_s: 60, still_s: 0, lean_s: 0,
        slouch_level: 0, sitting_level: 0,
      };
      await page.route('**/api/v1/live*', (route) => route.fulfill({ contentType: 'text/event-stream', body: `event: posture\ndata: ${JSON.stringify(posture)}\n\n` }));
      await at(page, `#/${org.id}/${wearer.id}`);
      await page.getByText('Your sensor seems to have moved: measure your upright pose again.', { exact: true }).waitFor();
      const live = await page.locator('section[aria-label="Live posture"]').innerText();
      assert.match(live, /Curve of the back\s*12°[^]*Neck\s*21°[^]*Load\s*42 %/);
      await page.getByText('Leaning over 10° was mostly to the left: 50 min of 54 min.', { exact: false }).waitFor();
      await page.getByText('7 % of the judged time was bent forward by 60° and more.', { exact: false }).waitFor();
      await page.getByText('It is not a measurement of your back and not a medical limit.', { exact: false }).waitFor();
      await page.getByRole('button', { name: /^Show all/ }).last().click();
      const list = await page.locator('section[aria-label="Episodes"] li').allInnerTexts();
      for (const name of Object.values(names)) assert.ok(list.some((text) => text.includes(name)), `no episode is called ${name}`);
      await fits(page);
      await shot(page, 'every-rule');
    }));
});
