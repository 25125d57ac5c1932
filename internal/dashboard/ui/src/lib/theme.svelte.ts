// Light or dark: the system's, unless the reader chose one.

export type Choice = 'system' | 'light' | 'dark';

const key = 'sitwell.theme';

function stored(): Choice {
  try {
    const v = localStorage.getItem(key);
    return v === 'light' || v === 'dark' ? v : 'system';
  } catch {
    return 'system';
  }
}

class Theme {
  choice = $state<Choice>(stored());
  #system = $state(matchMedia('(prefers-color-scheme: dark)').matches);
  dark = $derived(this.choice === 'system' ? this.#system : this.choice === 'dark');

  constructor() {
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', (e) => (this.#system = e.matches));
  }

  toggle() {
    this.choice = this.dark ? 'light' : 'dark';
    document.documentElement.dataset.theme = this.choice;
    try {
      localStorage.setItem(key, this.choice);
    } catch {
      // It then lasts as long as the page.
    }
  }
}

export const theme = new Theme();

/** ink reads the colours of the page's style for what is drawn on a canvas. */
export function ink(): (name: string) => string {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}
