// Where the page stands, kept in the part of its address behind #, so that it can
// be linked and the back button works:
//
//   #/acme             the office of an organisation
//   #/acme/anna        a wearer's day, today
//   #/acme/anna?date=2026-11-20

export interface Place {
  org?: string;
  wearer?: string;
  date?: string;
}

const id = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const day = /^\d{4}-\d{2}-\d{2}$/;

/** parse reads the hash of an address; what is malformed is left out. */
export function parse(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [org = '', wearer = ''] = path.split('/');
  const place: Place = {};
  if (!id.test(org)) return place;
  place.org = org;
  if (!id.test(wearer)) return place;
  place.wearer = wearer;
  const date = new URLSearchParams(query).get('date') ?? '';
  if (day.test(date)) place.date = date;
  return place;
}

/** format writes what parse reads. */
export function format(place: Place): string {
  if (!place.org) return '#/';
  if (!place.wearer) return `#/${place.org}`;
  return `#/${place.org}/${place.wearer}${place.date ? `?date=${place.date}` : ''}`;
}
